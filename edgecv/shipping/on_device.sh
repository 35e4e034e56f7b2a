# What runs on a device from the begin to the end of one `edgecv deploy`. It holds the lock, and does the
# switch and the way back by itself: neither depends on the connection. edgecv/shipping/place.py talks to it.
#
#   sh -c SCRIPT deploy PATH HASH SERVICE SETTLE_S
#
# It says what it finds, and waits for the line "live OLD...": then it switches, starts the service again, and
# removes those old versions; or goes back. Where the line does not come, whatever became of its sender, the
# version that was being prepared is removed. Its own lines begin with "deploy: " and end with "deploy: end".
#
#   PATH/current               a link to the version that runs
#   PATH/versions/NAME         bundles
#   PATH/versions/.gone-NAME   what could not be removed of one
#   PATH/.lock                 who works here
#   PATH/.new                  the version that is being prepared, not live yet
#   PATH/.before               what was live, and what is now, until the service of that has come up

path=$1 hash=$2 service=$3.service settle=$4
trap '' HUP PIPE
unset CDPATH
echo # ends what a shell may have printed at its start

tell() { printf 'deploy: %s\n' "$*"; }
last() { printf '%s\n' "$1" | tail -n 1; }
fault() { tell "fault $(last "$*")"; exit 1; }

# What current leads to: versions/NAME where it lies there, whoever made the link and however.
live() {
  all=$(cd -P versions && pwd -P) at=$(cd -P current 2>/dev/null && pwd -P)
  case $at in "$all"/*) echo "versions/${at#"$all"/}" ;; *) readlink current ;; esac
}

# a version at once: what is left of one that is cut off here does not look like one
remove() { mv -T "versions/$1" "versions/.gone-$1" && rm -rf "versions/.gone-$1"; } 2>/dev/null

# a power cut may have emptied .new, and must never cost what is live
tidy() {
  new=$(cat .new 2>/dev/null)
  if [ "$new" ] && [ "versions/$new" != "$(live)" ]; then remove "$new"; fi
  rm -rf .new .next .note versions/.unpack-* versions/.gone-* 2>/dev/null
}

# a version, or nothing, in one step
lead() {
  if [ "$1" ]; then ln -sfn "$1" .next && mv -fT .next current; else rm -f current; fi 2>&1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# what sudo permits it may still ask a password for: its list tells, or a password that it remembers
may_restart() {
  [ "$(id -u)" = 0 ] || {
    sudo -n -l systemctl restart "$service" &&
      { sudo -n -v || sudo -n -l | grep -E 'NOPASSWD:.*(systemctl|ALL|\*)'; }
  }
} >/dev/null 2>&1

state() { systemctl show "$service" --property=ActiveState,NRestarts | tr '\n' ' '; }

# A unit of `edgecv service install` says that it is ready with its first result: `restart` waits for that.
# The count of restarts goes on from what ran before, where that was failing.
comes_up() {
  untouched=
  [ "$runs" ] || return 0
  said=$(as_root systemctl restart "$service" 2>&1) || {
    said=$(printf '%s\n' "$said" | grep -v '^sudo: unable to resolve' | head -n 1)
    case $said in
      sudo:* | Sorry,*) untouched=yes said="$service could not be started again ($said)" ;;
      *) said="$service does not come up ($said); see there: journalctl -u $service" ;;
    esac
    return 1
  }
  first=$(state)
  sleep "$settle"
  now=$(state)
  case $now in *ActiveState=active*) [ "$now" = "$first" ] && return ;; esac
  said="$service does not stay up (${now% }); see there: journalctl -u $service"
  return 1
}

# Whether the service came up after the switch that .before tells of, though nobody waited for it.
proven() {
  [ "$runs" ] || return
  case $(state) in *ActiveState=active*) ;; *) return 1 ;; esac
  up=$(TZ=UTC systemctl show "$service" --property=ActiveEnterTimestamp) up=${up#*=}
  [ "$up" ] && up=$(date -d "$up" +%s 2>/dev/null) && [ "$up" -gt "$(stat -c %Y .before)" ]
}

said=$(mkdir -p -- "$path/versions" 2>&1) && said=$(cd -- "$path" 2>&1) || fault "$path: $said"
cd -- "$path" || exit
here=$(pwd -P)
[ -L current ] || [ ! -e current ] || fault "$path/current is no link. Give another --path"
command -v flock >/dev/null || fault "no flock there: apt-get install util-linux"
said=$( (: >>.lock) 2>&1) || fault "$said"
exec 9>>.lock
flock -n 9 || fault "another deployment works in $path there, $(cat .lock)"
echo "process $$ since $(date -u '+%F %T') UTC. Wait for it, or end it there: kill $$" >.lock
tidy
trap tidy EXIT
trap 'exit 143' INT TERM

runs=
if [ "$3" ] && command -v systemctl >/dev/null; then
  said=$(systemctl show "$service" --property=ExecStart 2>&1) ||
    fault "systemd there does not answer ($(last "$said")). Where no service is to be started again, say --service ''"
  case "$said " in *" $here/current "* | *" $(pwd -L)/current "*) runs=yes ;; esac
fi
if [ "$runs" ] && ! may_restart; then
  fault "$(id -un) may not start $service again. Put into /etc/sudoers.d/edgecv there:" \
    "$(id -un) ALL=(root) NOPASSWD: $(command -v systemctl) restart $service"
fi

found=$(live) unjudged=
before=$found
if [ -f .before ]; then
  { read -r was; read -r tried; } <.before
  # somebody may have led the link elsewhere since, or removed what was there before
  if [ "$tried" != "$found" ] || proven; then rm -f .before
  elif [ -d "$was" ]; then unjudged=$tried before=$was; fi
fi
[ -d "$before" ] || before=

name=$(date -u +%Y%m%d-%H%M%S)-$hash
while [ -e "versions/$name" ]; do sleep 1; name=$(date -u +%Y%m%d-%H%M%S)-$hash; done
said=$( (echo "$name" >.new) 2>&1) || fault "$said"

tell "path $here"
tell "name $name"
tell "before $before"
tell "unjudged $unjudged"
tell "runs $runs"
tell "old $(ls versions | tr '\n' ' ')"
tell end

read -r word gone && [ "$word" = live ] || exit

trap '' INT TERM
leads=$(live)
[ "$leads" = "$found" ] ||
  fault "somebody led $here/current to ${leads:-nothing} meanwhile. Nothing was switched; call again"
[ -d "versions/$name" ] || fault "$here/versions/$name is not there any more. Nothing was switched; call again"
said=$( (printf '%s\n' "$before" "versions/$name" >.note && sync && mv -f .note .before) 2>&1) ||
  fault "$here cannot be written to; is the disk full? Nothing was switched ($(last "$said"))"
if said=$(lead "versions/$name") && rm -f .new && comes_up; then
  rm -f .before
  removed=
  for one in $gone; do remove "$one" && removed="$removed $one"; done
  tell "removed $removed"
  tell "stuck $(cd versions && ls -d .gone-* 2>/dev/null | tr '\n' ' ')"
  tell end
  exit
fi
why=$said
if said=$(lead "$before"); then
  if [ -z "$before" ]; then back="nothing is live"
  elif [ -z "$untouched" ] && ! comes_up; then back="$before is live, but $said"
  else back="$before is live"; fi
  rm -f .before
  remove "$name"
  fault "$why. Rolled back: $back"
fi
fault "$why. Rolling back to ${before:-nothing} failed too: $said"
