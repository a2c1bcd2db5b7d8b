# The command line in a container: docs/howto/container.md.
#
#   docker build -t alcseg .                                             CPU
#   docker build -t alcseg:cuda --build-arg TORCH=cu130 .                NVIDIA GPUs, with the container toolkit on the host
ARG PYTHON=3.12

FROM node:20-bookworm-slim AS page
WORKDIR /build/web
COPY web/package.json web/package-lock.json ./
RUN npm ci --no-fund --no-audit --loglevel=error
COPY web/ ./
RUN npm run --silent build

FROM python:${PYTHON}-slim-bookworm AS wheel
WORKDIR /build
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE ./
COPY src src
COPY --from=page /build/src/alcseg/reviewing/static src/alcseg/reviewing/static
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim-bookworm
# Of https://download.pytorch.org/whl/: cpu, or a release of CUDA such as cu130.
ARG TORCH=cpu
COPY constraints.txt /tmp/
# torch alone is taken from there: of what it needs, that index lacks releases, those of constraints.txt among them.
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt --no-deps --index-url "https://download.pytorch.org/whl/${TORCH}" torch
ARG EXTRAS=dicom,dicom-seg,fast,frames,h5,mha,nrrd,onnx,openvino,raters,review
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt "$(ls /wheels/*.whl)[${EXTRAS}]" \
 && rm -r /wheels /tmp/constraints.txt
# Whoever it runs as (`--user`), there is a place for what libraries keep in a home, and a name: MONAI asks for one
# when it is imported, and a number without a line in /etc/passwd has none.
ENV HOME=/tmp USER=alcseg
RUN useradd --uid 1000 --no-create-home alcseg && install -d -o alcseg /work
USER alcseg
WORKDIR /work
ENTRYPOINT ["alcseg"]
CMD ["--help"]
