# What runs on a device from the begin to the end of one `edgecv deploy`. It holds the lock, and does the
# switch and the way back by itself: neither depends on the connection. edgecv/shipping/place.py talks to it.
#
#   sh -c SCRIPT deploy PATH HASH SERVICE SETTLE_S
#
# It says what it finds, and waits for the line "live OLD...": then it switches, starts the service again, and
# removes those old versions; or goes back. Where the line does not come, whatever became of its sender, the
# version that was being prepared is removed. Its own lines begin with "deploy: " and end with "deploy: end".
#
#   PATH/current        a link to the version that runs
#   PATH/versions/NAME  bundles
#   PATH/.lock          who works here
#   PATH/.new           the version that is being prepared, not live yet
#   PATH/.before        what was live, and what is now, as long as the service of that has not come up

path=$1 hash=$2 service=$3.service settle=$4
trap '' HUP PIPE
unset CDPATH

tell() { printf 'deploy: %s\n' "$*"; }
last() { printf '%s\n' "$1" | tail -n 1; }
fault() { tell "fault $(last "$*")"; exit 1; }

# a power cut may have emptied .new, and must never cost what is live
tidy() {
  new=$(cat .new 2>/dev/null)
  if [ "$new" ] && [ "versions/$new" != "$(readlink current)" ]; then rm -rf "versions/$new"; fi
  rm -rf .new versions/.unpack-*
}

# a version, or nothing, in one step
lead() {
  if [ "$1" ]; then ln -sfn "$1" .next && mv -fT .next current; else rm -f current; fi 2>&1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }
state() { systemctl show "$service" --property=ActiveState,NRestarts | tr '\n' ' '; }

# A unit of `edgecv service install` says that it is ready with its first result: `restart` waits for that.
# The count of restarts goes on from what ran before, where that was failing.
comes_up() {
  [ "$runs" ] || return 0
  said=$(as_root systemctl restart "$service" 2>&1) || {
    said="$service does not come up ($(printf '%s\n' "$said" | head -n 1)); see there: journalctl -u $service"
    return 1
  }
  first=$(state)
  sleep "$settle"
  now=$(state)
  case $now in *ActiveState=active*) [ "$now" = "$first" ] && return ;; esac
  said="$service does not stay up (${now% }); see there: journalctl -u $service"
  return 1
}

said=$(mkdir -p -- "$path/versions" 2>&1) && said=$(cd -- "$path" 2>&1) || fault "$path: $said"
cd -- "$path" || exit
[ -L current ] || [ ! -e current ] || fault "$path/current is no link. Give another --path"
command -v flock >/dev/null || fault "no flock there: apt-get install util-linux"
said=$( (: >>.lock) 2>&1) || fault "$said"
exec 9>>.lock
flock -n 9 || fault "another deployment works in $path there, $(cat .lock)"
echo "process $$ since $(date -u '+%F %T') UTC. Wait for it, or end it there: kill $$" >.lock
tidy
trap tidy EXIT
trap 'exit 143' INT TERM

before=$(readlink current) unjudged=
# somebody may have led the link elsewhere since
if [ -f .before ]; then
  { read -r was; read -r tried; } <.before
  [ "$tried" != "$before" ] || unjudged=$tried before=$was
fi
[ -d "$before" ] || before=

runs=
if [ "$3" ] && command -v systemctl >/dev/null; then
  said=$(systemctl show "$service" --property=ExecStart 2>&1) ||
    fault "systemd there does not answer ($(last "$said")). Where no service is to be started again, say --service ''"
  case "$said " in *" $(pwd -P)/current "* | *" $(pwd -L)/current "*) runs=yes ;; esac
fi
if [ "$runs" ] && [ "$(id -u)" != 0 ] && ! sudo -n -l systemctl restart "$service" >/dev/null 2>&1; then
  fault "$(id -un) may not start $service again. Put into /etc/sudoers.d/edgecv there:" \
    "$(id -un) ALL=(root) NOPASSWD: $(command -v systemctl) restart $service"
fi

name=$(date -u +%Y%m%d-%H%M%S)-$hash
while [ -e "versions/$name" ]; do sleep 1; name=$(date -u +%Y%m%d-%H%M%S)-$hash; done
said=$( (echo "$name" >.new) 2>&1) || fault "$said"

tell "path $(pwd -P)"
tell "name $name"
tell "before $before"
tell "unjudged $unjudged"
tell "runs $runs"
tell "old $(ls versions | tr '\n' ' ')"
tell end

read -r word gone && [ "$word" = live ] || exit

trap '' INT TERM
said=$( (printf '%s\n' "$before" "versions/$name" >.next && mv -f .next .before && rm -f .new && sync) 2>&1) || {
  rm -f .before
  echo "$name" >.new
  fault "$said"
}
if said=$(lead "versions/$name") && comes_up; then
  rm -f .before
  removed=
  for one in $gone; do rm -rf "versions/$one" && removed="$removed $one"; done
  tell "removed $removed"
  tell end
  exit
fi
why=$said
if said=$(lead "$before"); then
  if [ -z "$before" ]; then back="nothing is live"
  elif ! comes_up; then back="$before is live, but $said"
  else back="$before is live"; fi
  rm -f .before
  rm -rf "versions/$name"
  fault "$why. Rolled back: $back"
fi
fault "$why. Rolling back to ${before:-nothing} failed too: $said"
