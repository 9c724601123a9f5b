#!/usr/bin/env bash
# Trains over several hosts of a Slurm cluster, one process for each GPU:
#   sbatch --nodes=2 --ntasks-per-node=4 --gpus-per-node=4 launch/slurm.sh \
#     --config=choi2016:model=crnn,data=gtzan --config.data_dir=/shared/data --workdir=/shared/runs/a
# All words go to `mgr-jax train`. Prepare the dataset first, on a disk that all hosts see; the run
# lies on one too. launch/slurm.sh --dry_run WORDS prints the command and starts nothing.
#
# Before the time is up, Slurm sends SIGTERM to all processes. They save the step they are at and
# end with 75; then the job is queued again, and goes on from that step.
#SBATCH --job-name=mgr_jax
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=4
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail

dry=''
case ${1-} in
  -h | --help | '') sed -n '2,/^#SBATCH/{/^#SBATCH/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
  --dry_run) dry=yes; shift ;;
esac

# jax reads from Slurm who the processes are (--coordinator=auto), and gives process k of a host its
# GPU k. So every process has to see all GPUs of its host, unbound.
train=(srun --gpu-bind=none mgr-jax train --coordinator=auto "$@")
if [ -n "$dry" ]; then
  printf '%q ' "${train[@]}"
  echo
  exit 0
fi

status=0
"${train[@]}" || status=$?
if [ "$status" -eq 75 ]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
