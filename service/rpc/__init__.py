"""V2 over gRPC, on a listener of its own. Imported only where `MULGAM_GRPC_PORT` is set: grpc takes memory."""
