# The command line and the explorer of simcost. Pin both bases by digest where builds must repeat.
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv /opt/simcost && /opt/simcost/bin/pip install --no-cache-dir /source

FROM python:3.13-slim
COPY --from=build /opt/simcost /opt/simcost
RUN install -d -o 65532 -g 65532 /work /cache
# Scenarios and results are in /work, compiled code is kept in /cache; nothing else is written but temporary files.
ENV PATH=/opt/simcost/bin:$PATH HOME=/tmp NUMBA_CACHE_DIR=/cache PYTHONDONTWRITEBYTECODE=1
# The host in the address that users open; unset, Streamlit asks a service outside for the address of this machine.
ENV STREAMLIT_BROWSER_SERVER_ADDRESS=localhost
USER 65532:65532
WORKDIR /work
EXPOSE 8501
ENTRYPOINT ["simcost"]
# Inside the container all addresses; whoever publishes the port says to whom.
CMD ["app", "--no-browser", "--address", "0.0.0.0"]
