// assent completion: prints the completion of a shell. Options come from each verb's own --help, so they never differ.
#include <fmt/format.h>

#include "base/show.h"
#include "cli/exit_status.h"
#include "cli/verbs.h"

namespace assent::cli {

namespace {

constexpr const char* kBash =
    R"sh(# bash completion for assent: source this file, or install it as /usr/share/bash-completion/completions/assent
_assent() {
  local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]} i
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "$(assent --help | sed -n 's/^  \([a-z]*\) .*/\1/p') --help --version" -- "$word"))
    return
  fi
  if [ "$verb" = run ]; then
    for ((i = 2; i < COMP_CWORD; i++)); do
      [ "${COMP_WORDS[i]}" = -- ] || continue
      COMP_WORDS=("${COMP_WORDS[@]:i+1}") COMP_CWORD=$((COMP_CWORD - i - 1))
      if declare -F _command_offset >/dev/null; then _command_offset 0; else COMPREPLY=($(compgen -c -- "$word")); fi
      return
    done
  fi
  case $word in
    -*) COMPREPLY=($(compgen -W "$(assent "$verb" --help | grep -oE -e '--[a-z][a-z-]+')" -- "$word")) ;;
    *) case $verb in
         log|show|verify) COMPREPLY=($(compgen -W "last $(assent sessions --json 2>/dev/null | grep -oE '[0-9]{8}-[0-9]{6}-[0-9a-f]{4}')" -- "$word")) ;;
         undo) COMPREPLY=($(compgen -W "last $(assent vault ls --json 2>/dev/null | grep -oE '[0-9]{8}-[0-9]{6}-[0-9a-f]{4}' | sort -u)" -f -- "$word")) ;;
         redo) COMPREPLY=($(compgen -W "$(assent vault ls --json 2>/dev/null | grep -oE 'undo-[0-9]{8}-[0-9]{6}-[0-9a-f]{4}' | sort -u)" -- "$word")) ;;
         vault) COMPREPLY=($(compgen -W "ls stat prune drill last" -- "$word")) ;;
         approve|deny) COMPREPLY=($(compgen -W "$(assent pending --json 2>/dev/null | sed -n 's/^{"id":"\([a-z0-9]*\)".*/\1/p')" -- "$word")) ;;
         profile) COMPREPLY=($(compgen -W "ls show lint test init" -- "$word")) ;;
         completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")) ;;
         *) COMPREPLY=($(compgen -f -- "$word")) ;;
       esac ;;
  esac
}
complete -F _assent assent
)sh";

constexpr const char* kZsh = R"sh(#compdef assent
# zsh completion for assent: install it as _assent in a folder of $fpath.
_assent() {
  local -a verbs options
  if (( CURRENT == 2 )); then
    verbs=(${(f)"$(assent --help | sed -n 's/^  \([a-z]*\) *\(.*\)/\1:\2/p')"})
    _describe verb verbs
    return
  fi
  if [[ $words[2] == run ]] && (( ${words[(I)--]} > 0 && ${words[(I)--]} < CURRENT )); then
    shift ${words[(I)--]} words; (( CURRENT = $#words )); _normal
    return
  fi
  options=(${(f)"$(assent $words[2] --help | grep -oE -e '--[a-z][a-z-]+')"})
  case $words[2] in
    vault) _alternative "subverbs:subverb:(ls stat prune drill)" ;;
    profile) _alternative "subverbs:subverb:(ls show lint test init)" ;;
    completion) _alternative "shells:shell:(bash zsh fish)" ;;
  esac
  _describe option options
  _files
}
_assent "$@"
)sh";

constexpr const char* kFish = R"sh(# fish completion for assent: install it as ~/.config/fish/completions/assent.fish
function __assent_options
    set -l words (commandline -opc)
    test (count $words) -gt 1; and assent $words[2] --help | string match -ra -- '--[a-z][a-z-]+'
end
complete -c assent -n 'test (count (commandline -opc)) -eq 1' -f -a "(assent --help | string replace -rf '^  ([a-z]+) +(.*)' '\$1\t\$2')"
complete -c assent -n 'test (count (commandline -opc)) -gt 1' -a '(__assent_options)'
)sh";

}  // namespace

int completion_main(Arguments arguments) {
  const std::string shell = arguments.empty() ? "" : arguments.front();
  if (shell == "bash") return fmt::print("{}", kBash), kOk;
  if (shell == "zsh") return fmt::print("{}", kZsh), kOk;
  if (shell == "fish") return fmt::print("{}", kFish), kOk;
  if (shell == "--help" || shell == "-h")
    return fmt::print("usage: assent completion bash|zsh|fish\n\nPrints the completion of a shell.\n"), kOk;
  fmt::print(stderr, "assent: cannot print completion for '{}': not one of bash, zsh, fish\n", show(shell));
  return kUsage;
}

}  // namespace assent::cli
