/* Every line of evexpr(7)'s EXAMPLES is true. */
#include "harness.h"

#include <unistd.h>

#define MANUAL "man/evexpr.7"

static char event[4096];
static int seen;

/* Takes roff's escapes out of a line: \e is a backslash, \& nothing. */
static void plain(char *line) {
    char *to = line;
    for (char *p = line; *p; p++) {
        if (*p == '\\' && p[1] == 'e') *to++ = '\\', p++;
        else if (*p == '\\' && p[1] == '&') p++;
        else if (*p != '\n') *to++ = *p;
    }
    *to = '\0';
}

/* The result stands behind the last two spaces. */
static void check_line(char *line) {
    char *gap = NULL;
    for (char *p = line; (p = strstr(p, "  ")); p++) gap = p;
    CHECK(gap != NULL);
    if (!gap) return;
    const char *want = gap + 2;
    while (gap > line && gap[-1] == ' ') gap--;
    *gap = '\0';
    struct outcome o = evaluate_at(line, event, INT64_C(1763086425120000), NULL);
    if (strcmp(o.text, want) != 0) fprintf(stderr, "%s\n", line);
    CHECK_STR(o.text, want);
    seen++;
}

static void examples_are_true(void) {
    FILE *f = fopen(MANUAL, "r");
    char line[4096];
    bool examples = false, literal = false;
    while (fgets(line, sizeof line, f)) {
        plain(line);
        if (strncmp(line, ".Sh ", 4) == 0) examples = strcmp(line, ".Sh EXAMPLES") == 0;
        else if (strncmp(line, ".Bd", 3) == 0) literal = true;
        else if (strcmp(line, ".Ed") == 0) literal = false;
        else if (examples && literal && *line == '{') strcpy(event, line);
        else if (examples && literal) check_line(line);
    }
    fclose(f);
    CHECK(seen > 40);
}

int main(void) {
    if (access(MANUAL, R_OK) != 0) {
        printf("skipped: " MANUAL " is not here\n0 passed, 0 failed\n");
        return 0;
    }
    RUN(examples_are_true);
    return check_done();
}
