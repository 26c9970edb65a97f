#!/bin/sh
# A worker on each node of a Ray cluster, as a Ray job:
#     ./submit.sh http://HEAD:8265
# `nosc` and /etc/nosc/worker.env lie on each node (an example of the latter: ../systemd/nosc-worker.env.example). The password is not
# passed through Ray, whose dashboard shows the environment of jobs. The job ends when all workers were idle for ten minutes.
set -eu
dashboard=${1:?usage: submit.sh http://HEAD:8265}
cd "$(dirname "$0")"
exec ray job submit --address "$dashboard" --working-dir . --no-wait -- python workers.py
