# syntax=docker/dockerfile:1
# The server with its model, on SQLite in the volume /data unless TILLSIGHT_DATABASE_URL names a PostgreSQL:
#
#   docker build -t tillsight .
#   docker run --init -p 127.0.0.1:8000:8000 -v tillsight:/data tillsight
#
# The models in the image cannot be written to and go with it. To calibrate or add some, copy the folder to the volume once
# (docs/how-to/run-with-docker.md): docker run --rm -v tillsight:/data tillsight cp -r /opt/tillsight/models /data/models
# and start with -e TILLSIGHT_MODEL=/data/models/tillsight-small.json
#
# For processors without AVX2: docker build --build-arg CPU=x86-64 …

FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ make libopenblas-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
# Only what fetches ONNX Runtime, so that a change of the source does not fetch it again.
COPY Cargo.toml ./
COPY deploy ./deploy
RUN deploy/setup.sh && install -D target/onnxruntime/libonnxruntime.so /out/onnxruntime/libonnxruntime.so
COPY . .
# FAISS and the dependencies stay in the builder's cache; what the image needs is copied out of it. One folder for each
# processor, since cargo does not notice that the flags of FAISS have changed.
ARG CPU=x86-64-v3
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/cache \
    CARGO_TARGET_DIR="/cache/${CPU}" CXXFLAGS_x86_64_unknown_linux_gnu="-march=${CPU}" cargo build --release --locked \
 && deploy/strip.sh "/cache/${CPU}/release/tillsight" /out/bin /symbols \
 && cp -r models /out/models \
 && cp LICENSE-MIT LICENSE-APACHE /out/

# Debug information is not in the image; keep it for each version, for the lines in a backtrace and for gdb:
#
#   docker build --target symbols --output symbols .
FROM scratch AS symbols
COPY --from=build /symbols /

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates ffmpeg libgomp1 libopenblas0-pthread libstdc++6 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin tillsight \
 && install -d -o tillsight -g tillsight -m 0750 /data
# The server looks for the library at ../onnxruntime from its own folder.
COPY --from=build /out /opt/tillsight
ENV PATH=/opt/tillsight/bin:$PATH \
    TILLSIGHT_BIND=0.0.0.0:8000 \
    TILLSIGHT_DATA_DIR=/data \
    TILLSIGHT_DATABASE_URL=sqlite:///data/tillsight.db \
    TILLSIGHT_MODEL=/opt/tillsight/models/tillsight-small.json
WORKDIR /data
VOLUME /data
USER tillsight
EXPOSE 8000
STOPSIGNAL SIGTERM
# bash speaks TCP by itself, so the image needs no HTTP client.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /healthz HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
CMD ["tillsight", "serve"]
