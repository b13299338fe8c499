# What packaging/tests/openwrt puts in the place of OpenWrt's rc.common, functions.sh and procd.sh: the configuration's
# words are a shell's, and each word of an agent's command line, and each file that procd is to
# watch, is written on a line of its own.

sections=

# The words of a configuration file.
config() { # TYPE NAME
	section=$2
	sections="$sections $1:$2"
}
option() { # NAME VALUE
	eval "CONFIG_${section}_$1=\$2"
}
list() { # NAME VALUE
	local length
	eval "length=\$((\${CONFIG_${section}_$1_LENGTH:-0} + 1))"
	eval "CONFIG_${section}_$1_LENGTH=$length CONFIG_${section}_$1_ITEM$length=\$2"
	eval "CONFIG_${section}_$1=\"\${CONFIG_${section}_$1:+\$CONFIG_${section}_$1 }\$2\""
}

config_load() { . "$CONFIGURATION"; }
config_foreach() { # FUNCTION TYPE
	local one
	for one in $sections; do
		[ "${one%%:*}" != "$2" ] || "$1" "${one#*:}"
	done
}
config_get() { # VARIABLE SECTION OPTION
	eval "$1=\${CONFIG_${2}_$3}"
}
config_get_bool() { # VARIABLE SECTION OPTION DEFAULT
	eval "$1=\${CONFIG_${2}_$3:-$4}"
	eval "case \$$1 in 1 | on | true | yes | enabled) $1=1 ;; *) $1=0 ;; esac"
}
config_list_foreach() { # SECTION OPTION FUNCTION ARGUMENT…
	local section=$1 name=$2 function=$3 place=1 length item
	shift 3
	eval "length=\${CONFIG_${section}_${name}_LENGTH:-0}"
	while [ "$place" -le "$length" ]; do
		eval "item=\$CONFIG_${section}_${name}_ITEM$place"
		"$function" "$item" "$@"
		place=$((place + 1))
	done
}

procd_open_instance() { echo "instance $1"; }
procd_close_instance() { echo "end"; }
procd_set_param() {
	local name=$1 word
	shift
	case $name in
	command) for word; do echo "word $word"; done ;;
	file) for word; do echo "file $word"; done ;;
	*) echo "$name $*" ;;
	esac
}
procd_append_param() { procd_set_param "$@"; }
procd_add_reload_trigger() { echo "reload on $1"; }
logger() { echo "log $*"; }

. "$1"
start_service
service_triggers
