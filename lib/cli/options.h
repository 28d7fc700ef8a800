/* One table of options describes a tool: parsing, --help, the completions and the check of the man page come from it. */
#ifndef EV_CLI_OPTIONS_H
#define EV_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

enum option_kind {
    OPTION_FLAG,     /* bool: true */
    OPTION_NO,       /* bool: false */
    OPTION_TEXT,     /* const char * */
    OPTION_LIST,     /* struct texts: repeatable */
    OPTION_COUNT,    /* int64_t >= 0 */
    OPTION_DURATION, /* int64_t µs */
    OPTION_SIZE,     /* int64_t bytes */
    OPTION_ACTION, /* --help, --version and the like: `to` is NULL, parsing stops and reports the option's name */
};

struct texts {
    const char **items; /* borrowed from argv */
    size_t n;
};

/* What an argument is, for the completions. */
enum option_hint { HINT_NONE, HINT_FILE, HINT_WORDS };

struct option {
    const char *name; /* "lateness", without dashes */
    char letter;      /* 'f' for -f, or 0 */
    enum option_kind kind;
    const char *arg;  /* "D", "FIELD", "DEST"; NULL for flags */
    const char *help; /* one line, lower case, no full stop, at most 60 characters */
    void *to;         /* where the value goes, by kind; defaults stand there before */
    bool *given;      /* set to true when the option was given; or NULL */
    enum option_hint hint;
    const char *words; /* HINT_WORDS: "ndjson csv tsv table" ; any other value is refused */
};

struct option_group {
    const char *title; /* "windows", "input", "common": a heading of --help */
    const struct option *options;
    size_t n;
};

struct tool {
    const char *name;     /* "evwindow" */
    const char *summary;  /* NAME of the man page: "group events by event-time windows and keys" */
    const char *synopsis; /* "[options] [AGG ...]" */
    const char *example;  /* one runnable line */
    const struct option_group *groups;
    size_t n_groups;
};

/* Parses argv[1..]: --name value, --name=value, -x value, -xvalue, grouped flags, -- ends options, operands may stand anywhere and
 * are left in *operands. A unique prefix of a name is not accepted. EXIT_USAGE: unknown option naming the nearest, a missing or bad value with the
 * option's name and an example. *action is the name of the OPTION_ACTION that was met, or NULL. */
bool options_parse(const struct tool *t, int argc, char **argv, struct texts *operands,
    const char **action, struct err *e);

/* At most 24 lines of 80 columns where it can: synopsis, options in groups, the example. */
void options_help(const struct tool *t, FILE *to);
/* The script for a shell, "bash", "zsh" or "fish"; false when it is none of them. What `make completions` writes into completions/. */
bool options_completion(const struct tool *t, const char *shell, FILE *to);
/* A line per option: name, letter, argument, help, tab-separated: what tests hold the man page against. */
void options_list(const struct tool *t, FILE *to);

#endif
