"""The public listener: HTTP/1.1 on the event loop, parsed by llhttp (httptools). It knows nothing of models."""
