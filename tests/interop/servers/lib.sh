# shellcheck shell=bash
# Sourced by up and down. Builds go into a cache outside the repository, so that a clean checkout
# does not fetch the servers again.
servers_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${INTEROP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bayeux-interop}
run_dir=${INTEROP_RUN:-$cache/run}
mkdir -p "$cache" "$run_dir"

die() {
  echo "interop servers: $*" >&2
  exit 1
}

need() {
  command -v "$1" >/dev/null || die "'$1' is not on PATH; it comes with $2"
}

# Prints the folder of the build with this name and hash, after running the build in it once.
# The lock lets two runs at the same time share one build.
cached() {
  local name=$1 hash=$2 build=$3
  shift 3
  local out=$cache/$name-$hash
  (
    flock 9
    [ -f "$out/.done" ] && exit 0
    rm -rf "$out"
    mkdir -p "$out"
    "$build" "$out" "$@" >"$out/build.log" 2>&1 || {
      tail -5 "$out/build.log" | cut -c1-400 >&2
      die "building $name failed (log: $out/build.log)"
    }
    touch "$out/.done"
  ) 9>"$cache/$name.lock" || exit 1
  echo "$out"
}

build_java() {
  local out=$1 sources=$2
  shift 2
  mvn -B -q -f "$sources/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$out/lib" -DincludeScope=runtime "$@" &&
    javac --release 17 -nowarn -cp "$out/lib/*" -d "$out/classes" "$sources"/src/*/*.java
}

# java_build NAME FOLDER [-Dproperty=value...]: the build of the Java program in this folder with these versions.
java_build() {
  local name=$1 sources=$2 hash
  shift 2
  need java "a JDK, 17 or newer"
  need javac "a JDK, 17 or newer"
  need mvn "Maven"
  hash=$({
    cat "$sources/pom.xml" "$sources"/src/*/*.java
    printf '%s\n' "$@"
    java -version 2>&1
  } | sha256sum | cut -c1-16)
  cached "$name" "$hash" build_java "$sources" "$@"
}

build_node() {
  cp "$2"/*.* "$1/" &&
    (cd "$1" && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error)
}

# node_build NAME FOLDER: a copy of this folder, with the packages of its package.json: what `import` names must lie
# beside the file.
node_build() {
  local name=$1 sources=$2 hash
  need node "Node, 20 or newer"
  need npm "Node, 20 or newer"
  hash=$({
    cat "$sources"/*.*
    node --version
  } | sha256sum | cut -c1-16)
  cached "$name" "$hash" build_node "$sources"
}

build_python() {
  python3 -m venv "$1/venv" && "$1/venv/bin/pip" install --quiet --disable-pip-version-check -r "$2/requirements.txt"
}

# python_build NAME FOLDER: a folder whose `venv` has the packages of this folder's requirements.txt.
python_build() {
  local name=$1 sources=$2 hash
  need python3 "Python, 3.10 or newer"
  hash=$({
    cat "$sources/requirements.txt"
    python3 --version
  } | sha256sum | cut -c1-16)
  cached "$name" "$hash" build_python "$sources"
}
