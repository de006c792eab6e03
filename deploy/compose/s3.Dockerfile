# The S3 server that Hilum is tested with, built as scripts/services builds it.
FROM golang:1.26-bookworm AS build
RUN GOBIN=/out go install -trimpath -ldflags=-s github.com/versity/versitygw/cmd/versitygw@v1.8.0

FROM debian:bookworm-slim
# Debian keeps one version of a package, so that a pinned one is gone with the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10002 s3 \
    && install -d -o s3 -g s3 /data
COPY --from=build /out/versitygw /usr/local/bin/versitygw
USER s3
VOLUME /data
EXPOSE 7070
# A folder is a bucket. What the server knows of objects are extended attributes of their files.
ENTRYPOINT ["sh", "-c", "mkdir -p \"/data/$BUCKET\" && exec versitygw --quiet --keep-alive --port :7070 posix /data"]
