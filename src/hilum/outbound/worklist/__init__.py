"""Work items over HTTP: UPS-RS (PS3.18 chapter 11), and event reports over WebSocket."""
