#!/usr/bin/env bash
# Cargo's runner for one test program: says its name, whether endler is in it,
# and becomes it.
#
# With PUBLISHED_SIGNALS set (a folder of programs) another process first goes
# its own way and sends SIGUSR1 to that program, and to every program of that
# folder that it starts: once when endler listens, then every 200 ms.
set -u
program=$1

# Whether a process handles SIGUSR1, the tenth bit of the mask; otherwise the
# signal would end it. A child that was forked and not yet replaced by its own
# program has its parent's handler and may lose it at any time: it is left alone.
listens() {
    local key value parent='' caught=0
    while read -r key value; do
        case $key in
            PPid:) parent=$value ;;
            SigCgt:) caught=$value ;;
        esac
    done 2>/dev/null <"/proc/$1/status"
    ((16#$caught >> 9 & 1)) && [[ -n $parent && ! /proc/$1/exe -ef /proc/$parent/exe ]]
}

send() {
    local main=$1 link pid
    while [[ /proc/$main/exe -ef $program ]] && ! listens "$main"; do sleep 0.01; done
    while [[ /proc/$main/exe -ef $program ]]; do
        while read -r link; do
            pid=${link#/proc/}
            pid=${pid%/exe}
            listens "$pid" && kill -USR1 "$pid" 2>/dev/null
        done < <(find /proc/[0-9]*/exe -lname "$PUBLISHED_SIGNALS/*" 2>/dev/null)
        sleep 0.2
    done
}

name=${program##*/}
endler=none
if grep -q endler_allocator "$program"; then endler=endler; fi
echo "binary ${name%-????????????????} $endler"
if [[ -n ${PUBLISHED_SIGNALS-} ]]; then
    # Twice forked, so that the test program has no child that it did not start.
    # It waits until this process has become the program.
    main=$$
    (
        (
            for _ in {1..500}; do
                [[ /proc/$main/exe -ef $program ]] && break
                sleep 0.01
            done
            send "$main"
        ) </dev/null >/dev/null 2>&1 &
    )
fi
exec "$@"
