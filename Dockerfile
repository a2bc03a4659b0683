# The one image of both processes: `scalewarden run` and `scalewarden guard`.
FROM python:3.13-slim AS build
WORKDIR /src
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY operator/scalewarden operator/scalewarden
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
ENTRYPOINT ["scalewarden"]
CMD ["run"]
