/* Errors and exit codes. A leaf returns false and fills a struct err; only cli/ prints and exits.
 *
 * The message says what was found and, where that is not plain, what to do: lower case, one line,
 * without the tool's name and without the place, which the layers above add with err_at(). */
#ifndef EV_BASE_ERR_H
#define EV_BASE_ERR_H

#include <stdbool.h>

#include "base/slice.h"

/* The same in every tool; evutils(7) EXIT STATUS. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_USAGE = 64,    /* the command line is wrong */
    EXIT_BAD_DATA = 65, /* an event is wrong, or an announced limit was crossed */
    EXIT_NO_INPUT = 66, /* an input cannot be opened */
    EXIT_SERVICE = 69,  /* a remote service is not there */
    EXIT_BUG = 70,
    EXIT_NO_OUTPUT = 73, /* an output cannot be created, or another writer has it */
    EXIT_IO = 74,        /* read or write failed, upstream broke, memory ran out */
    EXIT_RETRY = 75,     /* try again later */
    EXIT_CONFIG = 78,
};

enum { ERR_TEXT = 1024 };

struct err {
    enum exit_code code;
    char text[ERR_TEXT]; /* cut at the end when longer */
};

/* Fills e and returns false, so that a leaf can say `return err_set(e, ...)`. */
bool err_set(struct err *e, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As err_set(), with ": " and strerror(errno_value) behind. */
bool err_errno(struct err *e, enum exit_code code, int errno_value, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts a place and ": " in front of the text: err_at(e, "%s:%d", name, line). Returns false. */
bool err_at(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Writes s as a quoted, shortened, printable word into out (at least 8 bytes) and returns out:
 * control characters and bad UTF-8 become \xNN, more than some 60 bytes end in "...". */
const char *err_quote(char *out, size_t out_size, struct slice s);
#define QUOTED(s) err_quote((char[320]){0}, 320, (s))

/* The name in names (n of them) nearest to word by edit distance, or NULL when none is near enough
 * to be meant (distance over a third of the word's length, at least 1). */
const char *err_nearest(struct slice word, const char *const *names, size_t n);

#endif
