# The program alone: docker build -t bayeux . && docker run --rm -p 127.0.0.1:8080:8080 bayeux
FROM rust:1-slim AS build
WORKDIR /bayeux
COPY . .
RUN cargo install --path . --root /installed

FROM debian:stable-slim
COPY --from=build /installed/bin/bayeux /usr/local/bin/bayeux
USER 65534
EXPOSE 8080
ENTRYPOINT ["bayeux"]
CMD ["serve", "--listen", "0.0.0.0:8080"]
