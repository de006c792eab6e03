"""Engines of the bus: in process, Redis Streams, RabbitMQ, Kafka."""
