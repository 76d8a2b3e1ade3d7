FROM python:3.13-slim
WORKDIR /app
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY streams streams
COPY projections projections
COPY simulator simulator
COPY api api
RUN pip install --no-cache-dir --no-deps --no-build-isolation . \
    && useradd --create-home deskstream && mkdir /data && chown deskstream /data
USER deskstream
ENV DESKSTREAM_DATA=/data
EXPOSE 8080
CMD ["deskstream", "serve", "--host", "0.0.0.0"]
