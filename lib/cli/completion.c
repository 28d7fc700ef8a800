#include <string.h>

#include "cli/options.h"

typedef void write_option(const struct tool *t, const struct option *o, FILE *to);

static void each_option(const struct tool *t, FILE *to, write_option *write) {
    for (size_t g = 0; g < t->n_groups; g++)
        for (size_t i = 0; i < t->groups[g].n; i++) write(t, &t->groups[g].options[i], to);
}

/* The synopsis says what an operand is; only these are files. */
static bool operands_are_files(const struct tool *t) {
    return strstr(t->synopsis, "SOURCE") || strstr(t->synopsis, "DEST") ||
           strstr(t->synopsis, "FILE");
}

/* Text inside '...', with `special` and what stands between quotes escaped as the shell wants it. */
static void write_quoted(const char *text, const char *special, const char *quote, FILE *to) {
    for (; *text; text++) {
        if (strchr(special, *text)) fputc('\\', to);
        if (*text == '\'') fputs(quote, to);
        else fputc(*text, to);
    }
}

/* ---- bash ---- */

static void bash_case(const struct tool *t, const struct option *o, FILE *to) {
    (void)t;
    if (!o->arg) return;
    fputs("    ", to);
    if (o->letter) fprintf(to, "-%c | ", o->letter);
    fprintf(to, "--%s) ", o->name);
    if (o->hint == HINT_FILE) fputs("mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ", to);
    if (o->hint == HINT_WORDS)
        fprintf(to, "mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\") ", o->words);
    fputs(o->hint == HINT_NONE ? "return ;;\n" : "&& return ;;\n", to);
}

static void bash_name(const struct tool *t, const struct option *o, FILE *to) {
    (void)t;
    fprintf(to, " --%s", o->name);
}

/* bash splits words at =, so that --name=value arrives as three. */
static void bash(const struct tool *t, FILE *to) {
    fprintf(to, "# bash completion of %s\n_%s() {\n", t->name, t->name);
    fputs("    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    COMPREPLY=()\n"
          "    if [[ $cur == = ]]; then\n"
          "        cur=\n"
          "    elif [[ $prev == = ]]; then\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    fi\n"
          "    case $prev in\n",
        to);
    each_option(t, to, bash_case);
    fputs("    esac\n"
          "    if [[ $cur == -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
        to);
    each_option(t, to, bash_name);
    fputs("' -- \"$cur\")\n", to);
    if (operands_are_files(t))
        fputs("    else\n        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n", to);
    fprintf(to, "    fi\n}\ncomplete -o filenames -F _%s %s\n", t->name, t->name);
}

/* ---- zsh ---- */

static void zsh_form(
    const struct option *o, const char *dashes, const char *name, const char *join, FILE *to) {
    fprintf(to, " \\\n        '%s%s%s%s[", o->kind == OPTION_LIST ? "*" : "", dashes, name,
        o->arg ? join : "");
    write_quoted(o->help, "[]\\", "'\\''", to);
    fputc(']', to);
    if (o->arg) {
        fputc(':', to);
        write_quoted(o->arg, ":\\", "'\\''", to);
        if (o->hint == HINT_FILE) fputs(":_files", to);
        else if (o->hint == HINT_WORDS) fprintf(to, ":(%s)", o->words);
        else fputs(": ", to);
    }
    fputc('\'', to);
}

static void zsh_option(const struct tool *t, const struct option *o, FILE *to) {
    (void)t;
    char letter[2] = {o->letter, 0};
    if (o->letter) zsh_form(o, "-", letter, "+", to);
    zsh_form(o, "--", o->name, "=", to);
}

/* Works from $fpath, where the file is the function, and when it is sourced. */
static void zsh(const struct tool *t, FILE *to) {
    fprintf(to, "#compdef %s\n_%s() {\n    _arguments -s -S", t->name, t->name);
    each_option(t, to, zsh_option);
    fputs(operands_are_files(t) ? " \\\n        '*:file:_files'\n}\n" : " \\\n        '*: : '\n}\n",
        to);
    fprintf(to, "if [[ ${funcstack[1]} == _%s ]]; then _%s \"$@\"; else compdef _%s %s; fi\n",
        t->name, t->name, t->name, t->name);
}

/* ---- fish ---- */

static void fish_option(const struct tool *t, const struct option *o, FILE *to) {
    fprintf(to, "complete -c %s -l %s", t->name, o->name);
    if (o->letter) fprintf(to, " -s %c", o->letter);
    if (o->arg) fputs(o->hint == HINT_FILE ? " -r -F" : " -x", to);
    if (o->hint == HINT_WORDS) fprintf(to, " -a '%s'", o->words);
    fputs(" -d '", to);
    write_quoted(o->help, "\\", "\\'", to);
    fputs("'\n", to);
}

static void fish(const struct tool *t, FILE *to) {
    fprintf(to, "# fish completion of %s\n", t->name);
    if (!operands_are_files(t)) fprintf(to, "complete -c %s -f\n", t->name);
    each_option(t, to, fish_option);
}

bool options_completion(const struct tool *t, const char *shell, FILE *to) {
    if (strcmp(shell, "bash") == 0) bash(t, to);
    else if (strcmp(shell, "zsh") == 0) zsh(t, to);
    else if (strcmp(shell, "fish") == 0) fish(t, to);
    else return false;
    return true;
}
