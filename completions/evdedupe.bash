# bash completion of evdedupe
_evdedupe() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    case $prev in
    --key) return ;;
    --within) return ;;
    --keep) mapfile -t COMPREPLY < <(compgen -W 'first last' -- "$cur") && return ;;
    --version-field) return ;;
    --allowed-lateness) return ;;
    --late) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --dups) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --wire) mapfile -t COMPREPLY < <(compgen -W 'text control frames' -- "$cur") && return ;;
    -i | --input) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --time) return ;;
    --lateness) return ;;
    --time-format) return ;;
    --time-unit) mapfile -t COMPREPLY < <(compgen -W 's ms us ns' -- "$cur") && return ;;
    --max-future) return ;;
    --tz) return ;;
    --where) return ;;
    --require) return ;;
    --reject) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --max-reject) return ;;
    --header) return ;;
    --types) return ;;
    --max-line) return ;;
    --max-depth) return ;;
    --checkpoint) mapfile -t COMPREPLY < <(compgen -f -- "$cur") && return ;;
    --pipeline) return ;;
    --id) return ;;
    --trigger) return ;;
    --max-per-trigger) return ;;
    --output) mapfile -t COMPREPLY < <(compgen -W 'keep replace' -- "$cur") && return ;;
    --state-limit) return ;;
    esac
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W ' --key --within --keep --version-field --allowed-lateness --late --dups --wire --input --time --lateness --time-format --time-unit --max-future --tz --where --require --reject --max-reject --allow-missing --csv --tsv --json --header --types --max-line --max-depth --checkpoint --pipeline --id --trigger --max-per-trigger --final --journal --reset-state --output --state-limit --stats --explain --progress --quiet --verbose --help --version' -- "$cur")
    fi
}
complete -o filenames -F _evdedupe evdedupe
