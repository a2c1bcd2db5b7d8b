#!/usr/bin/env bash
# The hippocampus comparison of results/hippocampus.md: all methods, equal steps. NOISE=reader and NOISE=network spoil the
# labels as people do, or as a network that was stopped early (results/human_noise.md).
#
#   benchmarks/hippocampus.sh DATA WORK      DATA: folder with Task04_Hippocampus, WORK: where everything goes
#
# Every part is skipped when it is done and resumes when it was stopped: call it again.
set -euo pipefail
data=$1 work=$2
# h_sup_large is H-Sup with as many patches a step as the others; oracle is a V-Net with all labels clean.
methods=${METHODS:-"h_sup hl_sup mean_teacher alc h_sup_large oracle trinet two_stage_rnt pick_and_learn ms_tfal tbrats
  decoupled kdem mtcl_hard mtcl_fs mtcl_uds mixsegnet"}
seeds=${SEEDS:-"0 1 2"}
jobs=${JOBS:-2}  # trainings side by side, one thread each: faster in sum than one with two threads
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

mkdir -p "$work"
[ -d "$work/hippo" ] ||
  alcseg import "$data/Task04_Hippocampus" "$work/hippo" --test-fraction 0.2 --val-fraction 0.1 --seed 0
noisy=$work/hippo-noisy
case ${NOISE:-cube} in
  cube) noise=(cube --size 2 4) ;;
  reader) noise=(reader) ;;
  network)  # 250 steps on clean labels
    noise=(network --run "$work/early")
    alcseg train "$work/hippo" --preset hippocampus --method hl_sup --set trainer.steps=250 trainer.validate_every=250 \
      --out "$work/early" ;;
  *) echo "NOISE: expected cube, reader or network, got $NOISE" >&2 && exit 2 ;;
esac
[ -d "$noisy" ] ||
  alcseg corrupt "$work/hippo" "$noisy" --hq-fraction 0.1 --model "${noise[@]}" --seed 0

one_run() {
  local method=$1 seed=$2 work=$3 noisy=$3/hippo-noisy
  local run=$work/runs/$method-$seed dataset=$noisy settings=()
  if [ "$method" = h_sup_large ]; then method=h_sup settings=(--set data.hq_batch=6); fi
  if [ "$method" = mixsegnet ]; then settings=(--set method.second_filters=8); fi  # as many as the V-Net has
  if [ "$method" = oracle ]; then method=hl_sup dataset=$work/hippo; fi
  alcseg train "$dataset" --preset hippocampus --method "$method" --seed "$seed" "${settings[@]}" --out "$run"
  [ -d "$run-pred" ] || alcseg predict "$run" "$noisy/imagesTs" --out "$run-pred"
  [ -d "$run-eval" ] || alcseg evaluate "$run-pred" "$noisy/labelsTs" --dataset "$noisy" --out "$run-eval"
  # What the run says about the LQ training images: the network that predicts, and for ALC the corrected labels.
  [ -d "$run-lq" ] || lq_predictions "$run" "$noisy"
  [ -d "$run-lq-eval" ] ||
    alcseg evaluate "$run-lq" "$noisy/labelsClean" --dataset "$noisy" --quality lq --out "$run-lq-eval"
  if [[ $method == alc* ]]; then
    [ -d "$run-corrected" ] || alcseg correct "$run" "$noisy" --out "$run-corrected"
    [ -d "$run-corrected-eval" ] ||
      alcseg evaluate "$run-corrected/labelsTr" "$noisy/labelsClean" --dataset "$noisy" --quality lq \
        --out "$run-corrected-eval"
  fi
}

lq_predictions() {
  local run=$1 noisy=$2 list=$1-lq.txt label case_id
  for label in "$noisy"/labelsClean/*.nii.gz; do
    case_id=$(basename "$label" .nii.gz)
    echo "$noisy/imagesTr/${case_id}_0000.nii.gz"
  done | xargs realpath > "$list"
  alcseg predict "$run" "$list" --out "$run-lq"
}

export -f one_run lq_predictions
for seed in $seeds; do for method in $methods; do echo "$method $seed $work"; done; done |
  xargs -P "$jobs" -L 1 bash -euo pipefail -c 'one_run "$@" > /dev/null' one_run
[ -d "$work/given-eval" ] ||
  alcseg evaluate "$noisy/labelsTr" "$noisy/labelsClean" --dataset "$noisy" --quality lq --out "$work/given-eval"
