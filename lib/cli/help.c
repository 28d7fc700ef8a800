#include <string.h>

#include "base/buf.h"
#include "cli/options.h"

enum { COLUMNS = 80, HELP_COLUMN = 26 };

/* Writes text from column `at` on, broken at spaces so that it ends before COLUMNS. */
static void write_wrapped(FILE *to, size_t at, const char *text) {
    while (at + strlen(text) > COLUMNS) {
        size_t cut = COLUMNS - at;
        while (cut && text[cut] != ' ') cut--;
        if (!cut) break;
        fprintf(to, "%.*s\n%*s", (int)cut, text, HELP_COLUMN, "");
        text += cut + 1;
        at = HELP_COLUMN;
    }
    fprintf(to, "%s\n", text);
}

static void write_option(const struct option *o, FILE *to) {
    struct buf left = {0};
    buf_adds(&left, "  ");
    if (o->letter) buf_printf(&left, "-%c, ", o->letter);
    buf_printf(&left, "--%s", o->name);
    if (o->arg) buf_printf(&left, " %s", o->arg);
    size_t gap = left.n + 2 <= HELP_COLUMN ? HELP_COLUMN - left.n : 2;
    fprintf(to, "%.*s%*s", (int)left.n, left.p, (int)gap, "");
    write_wrapped(to, left.n + gap, o->help);
    buf_free(&left);
}

void options_help(const struct tool *t, FILE *to) {
    fprintf(to, "%s - %s\nusage: %s %s\n", t->name, t->summary, t->name, t->synopsis);
    for (size_t g = 0; g < t->n_groups; g++) {
        fprintf(to, "%s:\n", t->groups[g].title);
        for (size_t i = 0; i < t->groups[g].n; i++) write_option(&t->groups[g].options[i], to);
    }
    fprintf(to, "example:\n  %s\n", t->example);
}

void options_list(const struct tool *t, FILE *to) {
    for (size_t g = 0; g < t->n_groups; g++)
        for (size_t i = 0; i < t->groups[g].n; i++) {
            const struct option *o = &t->groups[g].options[i];
            char letter[2] = {o->letter, 0};
            fprintf(to, "%s\t%s\t%s\t%s\n", o->name, letter, o->arg ? o->arg : "", o->help);
        }
}
