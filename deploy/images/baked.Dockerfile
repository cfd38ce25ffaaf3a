# An image that serves, with its models inside: `make images ONLY=baked REGISTRY=registry`. The context is the registry.
# Another version is another image, and a rollback the one before.
ARG BASE=mulgam-server:0.1.0

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Mulgam with models" \
      org.opencontainers.image.description="Serves the registry that it holds" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --chown=0:0 . /registry
# What would be refused at the start is refused here. MULGAM_REGISTRY is /registry in every image that serves.
RUN ["/opt/mulgam/bin/python", "-m", "mulgam.verifying", "/registry"]
USER 10001:10001
HEALTHCHECK --interval=10s --timeout=5s --start-period=150s --retries=3 \
    CMD ["/opt/mulgam/bin/python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('MULGAM_ADMIN_PORT', '8001') + '/readyz', timeout=4)"]
