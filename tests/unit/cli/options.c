#include "cli/options.h"

#include <unistd.h>

#include "base/timestamp.h"
#include "check.h"

static bool follow, checks, lateness_given;
static const char *input, *format;
static struct texts rejects;
static int64_t limit, lateness, size;

static const struct option first[] = {
    {.name = "input",
        .letter = 'i',
        .kind = OPTION_TEXT,
        .arg = "SOURCE",
        .help = "read this",
        .to = &input,
        .hint = HINT_FILE},
    {.name = "follow", .letter = 'f', .kind = OPTION_FLAG, .help = "wait for more", .to = &follow},
    {.name = "no-checks",
        .letter = 'n',
        .kind = OPTION_NO,
        .help = "don't [check] at all: ever",
        .to = &checks},
    {.name = "format",
        .kind = OPTION_TEXT,
        .arg = "FORMAT",
        .help = "what to write",
        .to = &format,
        .hint = HINT_WORDS,
        .words = "ndjson csv tsv table"},
};
static const struct option second[] = {
    {.name = "reject",
        .kind = OPTION_LIST,
        .arg = "DEST",
        .help = "bad events go there",
        .to = &rejects,
        .hint = HINT_FILE},
    {.name = "limit",
        .kind = OPTION_COUNT,
        .arg = "N",
        .help = "stop after N events",
        .to = &limit},
    {.name = "lateness",
        .kind = OPTION_DURATION,
        .arg = "D",
        .help = "how far behind the newest event others may come",
        .to = &lateness,
        .given = &lateness_given},
    {.name = "max-line",
        .kind = OPTION_SIZE,
        .arg = "SIZE",
        .help = "the longest line",
        .to = &size},
    {.name = "a-rather-long-option",
        .kind = OPTION_SIZE,
        .arg = "SIZE",
        .help = "whose help text needs every bit of the sixty that it may have",
        .to = &size},
    {.name = "version", .letter = 'V', .kind = OPTION_ACTION, .help = "print the version"},
};
static const struct option_group groups[] = {{"first", first, 4}, {"common", second, 6}};
static const struct tool tool = {
    "evtry", "try options", "[options] SOURCE ...", "evtry a.ndjson", groups, 2};
static const struct tool wordy = {"evtry", "try options", "[AGG ...]", "evtry n=count", groups, 2};

static struct texts operands;
static const char *action;
static struct err e;

static void reset(void) {
    free(rejects.items);
    free(operands.items);
    rejects = operands = (struct texts){0};
    follow = lateness_given = false;
    checks = true;
    input = format = NULL;
    limit = lateness = size = -1;
    e = (struct err){0};
}

static bool parse(const char *const *words) {
    reset();
    int argc = 0;
    while (words[argc]) argc++;
    return options_parse(&tool, argc, (char **)(uintptr_t)words, &operands, &action, &e);
}

#define PARSE(...) parse((const char *const[]){"evtry", __VA_ARGS__, NULL})
#define REFUSED(message, ...)                                                                      \
    do {                                                                                           \
        CHECK(!PARSE(__VA_ARGS__));                                                                \
        CHECK(e.code == EXIT_USAGE);                                                               \
        CHECK_STR(e.text, message);                                                                \
    } while (0)

static void values_are_stored(void) {
    CHECK(PARSE("--lateness", "5m", "--limit=10", "--max-line", "64K", "--format=csv", "-f", "-n"));
    CHECK(lateness == 5 * MINUTE_US && lateness_given);
    CHECK(limit == 10 && size == 65536 && follow && !checks);
    CHECK_STR(format, "csv");
    CHECK(!action && operands.n == 0);
}

static void lists_keep_their_order(void) {
    CHECK(PARSE("--reject", "a", "--reject=b", "--reject="));
    CHECK(rejects.n == 3);
    CHECK_STR(rejects.items[1], "b");
    CHECK_STR(rejects.items[2], "");
}

static void letters_stand_together(void) {
    CHECK(PARSE("-fni", "x"));
    CHECK(follow && !checks);
    CHECK_STR(input, "x");
    CHECK(PARSE("-fix"));
    CHECK_STR(input, "x");
    CHECK(PARSE("-i", "-"));
    CHECK_STR(input, "-");
}

static void operands_stand_anywhere(void) {
    CHECK(PARSE("a", "-f", "-", "--", "-n", "--"));
    CHECK(operands.n == 4 && follow && checks);
    CHECK_STR(operands.items[1], "-");
    CHECK_STR(operands.items[2], "-n");
}

static void values_may_begin_with_a_dash(void) {
    CHECK(PARSE("--input=-7d,0s"));
    CHECK_STR(input, "-7d,0s");
    CHECK(PARSE("--input", "--follow"));
    CHECK_STR(input, "--follow");
    CHECK(!follow);
}

static void an_action_ends_it(void) {
    CHECK(PARSE("a", "--version", "--nonsense"));
    CHECK_STR(action, "version");
    CHECK(PARSE("-fVx"));
    CHECK_STR(action, "version");
}

static void mistakes_are_named(void) {
    REFUSED("unknown option --latenes; did you mean --lateness?", "--latenes", "5m");
    REFUSED("unknown option --latenes; did you mean --lateness?", "--latenes=5m");
    REFUSED("unknown option --late; --help lists them", "--late");
    REFUSED("unknown option -lateness; did you mean --lateness?", "-lateness");
    REFUSED("unknown option -x; --help lists them", "-x");
    REFUSED("--lateness needs a value: --lateness D", "--lateness");
    REFUSED("--input needs a value: --input SOURCE", "-fi");
    REFUSED("--follow takes no value", "--follow=yes");
    REFUSED("--limit: not a count: \"-1\" (like 1000)", "--limit=-1");
    REFUSED("--limit: not a count: \"\" (like 1000)", "--limit=");
    REFUSED("--limit: not a count: \"9223372036854775808\" (like 1000)", "--limit",
        "9223372036854775808");
    REFUSED("--format: not one of ndjson csv tsv table: \"xml\"", "--format", "xml");
    REFUSED("--format: not one of ndjson csv tsv table: \"\"", "--format", "");
    CHECK(!PARSE("--lateness", "5x"));
    CHECK(strncmp(e.text, "--lateness: not a duration: \"5x\"", 32) == 0);
    CHECK(PARSE("--limit=9223372036854775807") && limit == INT64_MAX);
}

/* What f writes, as a string to be freed. */
static char *written(void (*f)(const struct tool *, FILE *)) {
    char *text;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    f(&tool, to);
    fclose(to);
    return text;
}

static void help_fits_80_columns(void) {
    char *text = written(options_help);
    CHECK(strstr(
        text, "  --lateness D            how far behind the newest event others may come\n"));
    CHECK(strstr(text, "usage: evtry [options] SOURCE ...\n"));
    CHECK(strstr(text, "example:\n  evtry a.ndjson\n"));
    for (char *line = text; *line; line = strchr(line, '\n') + 1) CHECK(strcspn(line, "\n") <= 80);
    free(text);
}

static void the_list_has_a_line_an_option(void) {
    char *text = written(options_list);
    CHECK(strncmp(text, "input\ti\tSOURCE\tread this\nfollow\tf\t\twait for more\n", 49) == 0);
    free(text);
}

/* Runs `test`, a script for the shell in which $f names the completions of t; true when that exits 0. */
static bool shell_agrees(
    const struct tool *t, const char *shell, const char *command, const char *test) {
    char name[] = "/tmp/evtry.XXXXXX", line[200];
    FILE *to = fdopen(mkstemp(name), "w");
    bool done = options_completion(t, shell, to);
    fclose(to);
    setenv("f", name, 1);
    snprintf(line, sizeof line,
        "command -v %s >/dev/null || exec cat >/dev/null; HOME=/tmp timeout 20 %s", shell, command);
    FILE *script = popen(line, "w");
    fputs(test, script);
    done = pclose(script) == 0 && done;
    unlink(name);
    return done;
}

static void bash_completes(void) {
    CHECK(shell_agrees(&tool, "bash", "bash -ues",
        "source $f; complete -p evtry >/dev/null\n"
        "try() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _evtry; echo \"${COMPREPLY[*]}\"; }\n"
        "test \"$(try evtry --f)\" = '--follow --format'\n"
        "test \"$(try evtry --format t)\" = 'tsv table'\n"
        "test \"$(try evtry --format = t)\" = 'tsv table'\n"
        "test \"$(try evtry --format =)\" = 'ndjson csv tsv table'\n"
        "test \"$(try evtry --lateness '')\" = ''\n"
        "cd /; test \"$(try evtry --input us)\" = usr; test \"$(try evtry us)\" = usr\n"));
    CHECK(shell_agrees(&wordy, "bash", "bash -ues",
        "source $f; cd /; COMP_WORDS=(evtry us); COMP_CWORD=1; _evtry; test ${#COMPREPLY[@]} = "
        "0\n"));
}

/* zsh completes only at a prompt, so one is run in a pseudo-terminal; a miss there is the time limit. */
static void zsh_completes(void) {
    CHECK(shell_agrees(&tool, "zsh", "zsh -fs",
        "zmodload zsh/zpty; zpty z zsh -f -i\n"
        "zpty -w z 'PS1=; autoload -U compinit; compinit -D -u; source $f; cd /; echo rea\"\"dy'\n"
        "zpty -r -m z line '*ready*'\n"
        "try() { zpty -w -n z $1$'\\t'; zpty -r -m z line \"*$2*\"; zpty -w -n z $'\\C-u' }\n"
        "try 'evtry --late' --lateness\n"
        "try 'evtry --format=nd' --format=ndjson\n"
        "try 'evtry --format t' 'table*tsv'\n"
        "try 'evtry --input us' usr\n"
        "try 'evtry us' usr\n"
        "try 'evtry --no' --no-checks\n"
        "zpty -d z\n"));
}

static void fish_completes(void) {
    CHECK(shell_agrees(&tool, "fish", "fish --no-config",
        "source $f; cd /\n"
        "complete -C 'evtry --fol' | string match -q -- '--follow*wait for more'; or exit 1\n"
        "complete -C 'evtry --no-' | string match -q -- '--no-checks*don\\'t *check* at all: "
        "ever'; "
        "or exit 2\n"
        "complete -C 'evtry --format nd' | string match -q -- 'ndjson*'; or exit 3\n"
        "test (complete -C 'evtry --lateness us' | count) = 0; or exit 4\n"
        "complete -C 'evtry --input us' | string match -q -- 'usr/*'; or exit 5\n"
        "complete -C 'evtry us' | string match -q -- 'usr/*'; or exit 6\n"));
    CHECK(shell_agrees(&wordy, "fish", "fish --no-config",
        "source $f; cd /; test (complete -C 'evtry us' | count) = 0\n"));
}

static void other_shells_have_none(void) { CHECK(!options_completion(&tool, "csh", stderr)); }

int main(void) {
    RUN(values_are_stored);
    RUN(lists_keep_their_order);
    RUN(letters_stand_together);
    RUN(operands_stand_anywhere);
    RUN(values_may_begin_with_a_dash);
    RUN(an_action_ends_it);
    RUN(mistakes_are_named);
    RUN(help_fits_80_columns);
    RUN(the_list_has_a_line_an_option);
    RUN(bash_completes);
    RUN(zsh_completes);
    RUN(fish_completes);
    RUN(other_shells_have_none);
    reset();
    return check_done();
}
