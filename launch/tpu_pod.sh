#!/usr/bin/env bash
# Trains on a TPU VM or a pod of Google Cloud: makes it, installs mgr_jax on all its workers, runs
# one command on all of them, and goes on after a preemption. Needs gcloud, logged in.
set -euo pipefail

usage() {
  cat <<'END'
usage: launch/tpu_pod.sh COMMAND --name=NAME --zone=ZONE [flags] [-- WORDS]

  launch/tpu_pod.sh train --name=genres --zone=us-central1-a --type=v5litepod-16 --spot \
    --package=dist/mgr_jax-0.1.0-py3-none-any.whl --share=10.0.0.2:/share \
    -- --config=choi2016:model=crnn,data=gtzan --config.data_dir=/mnt/share/data \
       --workdir=/mnt/share/runs/a

commands:
  create    make the TPU VM, mount the share, install the package on all workers
  ssh       run a shell command, the WORDS, on all workers
  train     run `mgr-jax train --coordinator=auto WORDS` on all workers. Makes the TPU VM if it is
            not there. After a preemption it makes a new one and goes on with the run.
  delete    delete the TPU VM

flags:
  --name=NAME       of the TPU VM
  --zone=ZONE       of Google Cloud
  --type=TYPE       accelerator type (default: v5litepod-8)
  --version=NAME    runtime image (default: v2-alpha-tpuv5-lite)
  --spot            a cheaper TPU VM, which may be preempted
  --package=FILE    the wheel to install, of `python -m hatchling build`
  --share=SOURCE    an NFS share, HOST:/PATH; all workers mount it at /mnt/share
  --python=NAME     Python 3.11 or newer on the workers, installed if absent (default: python3.11)
  --tries=N         preemptions after which train gives up (default: 10)
  --dry_run         print the commands instead of running them
  -h, --help        this text

The workers need one folder for the run and the dataset: a pod of several hosts needs --share. The
run lies there too, or it is lost with a TPU VM that is preempted.
END
}

fail() {
  echo "tpu_pod.sh: $*" >&2
  exit 2
}

name='' zone='' type=v5litepod-8 version=v2-alpha-tpuv5-lite spot='' package='' share=''
python=python3.11 tries=10 dry=''
command=''
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --name=*) name=${1#*=} ;;
    --zone=*) zone=${1#*=} ;;
    --type=*) type=${1#*=} ;;
    --version=*) version=${1#*=} ;;
    --spot) spot=yes ;;
    --package=*) package=${1#*=} ;;
    --share=*) share=${1#*=} ;;
    --python=*) python=${1#*=} ;;
    --tries=*) tries=${1#*=} ;;
    --dry_run) dry=yes ;;
    --) shift; break ;;
    -*) fail "there is no flag $1; see --help" ;;
    *) [ -z "$command" ] || fail "$1 is one word too many; words for the workers follow --"
       command=$1 ;;
  esac
  shift
done
case $command in
  create | ssh | train | delete) ;;
  '') usage >&2; exit 2 ;;
  *) fail "there is no command $command; see --help" ;;
esac
[ -n "$name" ] || fail "--name is missing"
[ -n "$zone" ] || fail "--zone is missing"
case $tries in
  '' | *[!0-9]*) fail "--tries=$tries is no number" ;;
esac
case $command in
  ssh | train) [ $# -gt 0 ] || fail "$command needs words for the workers, behind --" ;;
esac

# Runs a command, or prints it so that a shell would read it back.
run() {
  if [ -n "$dry" ]; then
    printf '%q ' "$@"
    echo
  else
    "$@"
  fi
}

tpu() {
  run gcloud compute tpus tpu-vm "$@" "--zone=$zone"
}

on_all_workers() {
  tpu ssh "$name" --worker=all "--command=$1"
}

# READY, PREEMPTED, ...; nothing where there is no such TPU VM.
state() {
  [ -n "$dry" ] ||
    gcloud compute tpus tpu-vm describe "$name" "--zone=$zone" '--format=value(state)' \
      2>/dev/null || true
}

create() {
  [ -n "$package" ] || fail "--package is missing: the wheel that the workers install"
  [ -n "$dry" ] || [ -f "$package" ] || fail "there is no file $package"
  tpu create "$name" "--accelerator-type=$type" "--version=$version" ${spot:+--spot}
  local install="sudo apt-get -qq update && sudo apt-get -qq install -y"
  if [ -n "$share" ]; then
    local mount="sudo mkdir -p /mnt/share && sudo mount -t nfs $share /mnt/share"
    on_all_workers "$install nfs-common && $mount && sudo chmod a+rwx /mnt/share"
  fi
  tpu scp "$package" "$name:" --worker=all
  on_all_workers "command -v $python || { $install $python $python-venv; }"
  on_all_workers "$python -m venv mgr_jax && mgr_jax/bin/pip install -q './${package##*/}[tpu]'"
}

remove() {
  tpu delete "$name" --quiet
}

train() {
  local words found status left=$tries
  printf -v words '%q ' "$@"
  while true; do
    found=$(state)
    case $found in
      READY) ;;
      '') create ;;
      PREEMPTED | TERMINATED | STOPPED) remove; create ;;
      *) fail "$name is $found; wait until it is READY, or delete it" ;;
    esac
    status=0
    on_all_workers "mgr_jax/bin/mgr-jax train --coordinator=auto ${words% }" || status=$?
    [ "$status" -ne 0 ] || return 0
    found=$(state)
    # A TPU VM that is still there was not preempted: the run itself has failed.
    [ "$found" != READY ] || exit "$status"
    [ "$left" -gt 0 ] || { echo "tpu_pod.sh: preempted too often; given up" >&2; exit "$status"; }
    left=$((left - 1))
    echo "tpu_pod.sh: $name is ${found:-gone}; the run goes on on a new one" >&2
  done
}

case $command in
  create) create ;;
  ssh) on_all_workers "$*" ;;
  train) train "$@" ;;
  delete) remove ;;
esac
