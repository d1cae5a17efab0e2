#!/usr/bin/env zsh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# complete.zsh DIRECTORY LINE: what zsh would offer at the end of LINE, one a line, with the completions
# of DIRECTORY. In a zsh on a terminal of its own, as there is no other way to ask it.
zmodload zsh/zpty || exit 1
zpty shell zsh -f -i

# The inner shell writes each match between two marks instead of showing it.
zpty -w shell "
PROMPT= RPROMPT= fpath=(${(q)1} \$fpath)
autoload -U compinit && compinit -u -D
bindkey '^I' complete-word
zstyle ':completion:*' list-prompt ''
compadd() {
	if [[ \${@[1,(i)(-|--)]} == *-(O|A|D)\\ * ]]; then
		builtin compadd \"\$@\"
		return
	fi
	typeset -a __matches __dashes
	builtin compadd -A __matches \"\$@\"
	local prefix=\$IPREFIX match
	for match in \$__matches; do print -r -- \"<match>\$prefix\$match</match>\"; done
	builtin compadd \"\$@\"
}
print_end() { print '<''end>'; zle kill-whole-line; }
zle -N print_end
bindkey '^X' print_end
print '<''ready>'
"
zpty -r shell output '*<ready>*' || exit 1
zpty -w -n shell "$2"$'\t\x18'
zpty -r shell output '*<end>*' || exit 1
zpty -d shell
print -r -- ${(F)${(M)${(f)${output//<match>/$'\n'<match>}}:#<match>*}} | sed -n 's/^<match>\(.*\)<\/match>.*/\1/p' | sort -u
