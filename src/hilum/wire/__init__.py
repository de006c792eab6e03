"""What things look like on a wire: no sockets, no decisions."""
