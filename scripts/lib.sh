# Shared by the scripts of this folder: messages, job count, presets. Sourced, never run.
# shellcheck shell=bash

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export ROOT
# The same sorting and the same text everywhere; a home for ccache where the caller has none.
export LC_ALL=C.UTF-8 HOME="${HOME:-/tmp}"
# A fresh clone in another folder finds what an earlier one compiled.
export CCACHE_BASEDIR="$ROOT" CCACHE_NOHASHDIR=true

say() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# have <command>: is it on the PATH?
have() { command -v "$1" >/dev/null 2>&1; }

# Cores that this process may use: affinity, then the container's quota if it has one.
cores() {
  local n quota period
  n="$(nproc)"
  if [[ -r /sys/fs/cgroup/cpu.max ]]; then
    read -r quota period </sys/fs/cgroup/cpu.max || true
    if [[ "${quota:-max}" != max && "${period:-0}" -gt 0 ]]; then
      quota=$(((quota + period - 1) / period))
      ((quota >= 1 && quota < n)) && n=$quota
    fi
  fi
  printf '%s\n' "$n"
}

# Memory in MiB that is free to use now, the container's limit included.
memory_mib() {
  local available limit used
  available="$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)"
  if [[ -r /sys/fs/cgroup/memory.max && -r /sys/fs/cgroup/memory.current ]]; then
    limit="$(cat /sys/fs/cgroup/memory.max)"
    if [[ "$limit" != max ]]; then
      used="$(cat /sys/fs/cgroup/memory.current)"
      limit=$(((limit - used) / 1048576))
      ((limit < available)) && available=$limit
    fi
  fi
  printf '%s\n' "$available"
}

# Compile jobs: one per core, 1.5 GiB each, at least one. IMI_JOBS overrides.
jobs_for_build() {
  if [[ -n "${IMI_JOBS:-}" ]]; then
    printf '%s\n' "$IMI_JOBS"
    return
  fi
  local by_core by_memory
  by_core="$(cores)"
  by_memory=$(($(memory_mib) / 1536))
  ((by_memory < 1)) && by_memory=1
  if ((by_core < by_memory)); then printf '%s\n' "$by_core"; else printf '%s\n' "$by_memory"; fi
}

# build_dir <preset>: where a preset builds.
build_dir() {
  case "$1" in
    release) printf '%s\n' "$ROOT/build" ;;
    asan | tsan | tidy) printf '%s\n' "$ROOT/build-$1" ;;
    *) fail "unknown preset '$1': use release, asan, tsan or tidy" ;;
  esac
}
