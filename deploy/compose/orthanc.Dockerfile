# The Orthanc that Hilum is tested with, from Debian.
FROM debian:bookworm-slim
# Debian keeps one version of a package, so that a pinned one is gone with the next fix.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends curl orthanc orthanc-dicomweb \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o orthanc -g orthanc /data
USER orthanc
VOLUME /data
EXPOSE 4242 8042
ENTRYPOINT ["Orthanc", "/etc/hilum/orthanc.json"]
