#!/usr/bin/env bash
# What compiling costs.
#   benches/compile-time.sh [ROUNDS]     # 3
#     a user's program: the loop of the README in a crate of its own, without and with the attribute, checked and
#     built again with its dependencies built
#   benches/compile-time.sh first
#     the README's first command, from an empty folder to the quickstart's first line
# Prints tables. Not incremental: an incremental build after no more than a touch compiles nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=${COMPILE_TIME_TARGET:-$folder/target}

if [ "${1:-}" = first ]; then
    cd "$root"
    [ ! -e "$CARGO_TARGET_DIR/release" ] || { echo "$CARGO_TARGET_DIR is not empty" >&2; exit 2; }
    cargo fetch --locked --quiet
    crates() {
        cargo tree --edges normal --prefix none "$@" | sed 's/ (.*//' | sort -u | wc -l
    }
    TIMEFORMAT='%R %U %S'
    { time cargo build --release --locked --example quickstart 2>"$folder/log"; } 2>"$folder/time"
    awk -v units="$(grep -c Compiling "$folder/log")" -v crates="$(crates -p sam-examples)" \
        -v all="$(crates -p sam-runtime)" -v none="$(crates -p sam-runtime --no-default-features)" '{
            print "| crates | of which compiled anew | time, s | processor time, s |"
            print "|---|---|---|---|"
            printf "| %d | %d | %.0f | %.0f |\n\n", crates, units, $1, $2 + $3
            printf "sam-runtime: %d crates, %d without its default features\n", all, none
        }' "$folder/time"
    exit
fi
rounds=${1:-3}

# Makes the crate $1 out of the program on stdin.
crate() {
    mkdir -p "$folder/$1/src"
    cat >"$folder/$1/src/main.rs"
    cat >"$folder/$1/Cargo.toml" <<EOF
[package]
name = "$1"
edition = "2024"

[dependencies]
dfdx = { version = "0.13.0", default-features = false, features = ["std", "fast-alloc", "cpu"] }
sam-runtime = { path = "$root/sam-runtime" }
EOF
}

# The README's first program, made whole.
program() {
    awk '/^```rust/ { on = 1; next } on && /^```/ { exit } on' "$root/README.md"
    cat <<'EOF'

fn main() {
    let dev = Cpu::default();
    let mut model = dev.build_module::<(Linear<784, 256>, ReLU, Linear<256, 10>), f32>();
    let mut opt = Sgd::new(&model, SgdConfig::default());
    let loader = DataLoader::new(sam_runtime::data::Glyphs::train(1024, 0)).unwrap();
    train(&mut model, &mut opt, &loader, &dev, 0);
}
EOF
}

program | crate with-sam
program | sed '/^#\[sam_train/d' | crate without-sam
printf '[workspace]\nmembers = ["with-sam", "without-sam"]\nresolver = "3"\n' >"$folder/Cargo.toml"
cp "$root/Cargo.lock" "$folder"
# This workspace's profile, for the third row of the table.
awk '/^\[/ { on = /^\[profile\.dev/ } on' "$root/Cargo.toml" >"$folder/workspace.toml"
cd "$folder"

# The median of $rounds runs of cargo for the crate $1, user and system time in seconds; the rest is what cargo does.
seconds() {
    local crate=$1 round
    shift
    for ((round = 0; round < rounds; round++)); do
        touch "$crate/src/main.rs"
        TIMEFORMAT='%U %S'
        { time cargo "$@" --quiet --package "$crate" 2>/dev/null; } 2>&1
    done | awk '{ print $1 + $2 }' | sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

# A row of the table: its name; the rest is what cargo does.
row() {
    local name=$1 without with
    shift
    cargo "$@" --quiet >&2
    without=$(seconds without-sam "$@")
    with=$(seconds with-sam "$@")
    awk -v name="$name" -v a="$without" -v b="$with" \
        'BEGIN { printf "| %s | %.1f | %.1f | %.1f |\n", name, a, b, b - a }'
}

echo '| | without, s | with, s | more, s |'
echo '|---|---|---|---|'
row '`cargo check`' check
row '`cargo build`' build
row "\`cargo build\`, this workspace's profile" build --config workspace.toml
row '`cargo build --release`' build --release
