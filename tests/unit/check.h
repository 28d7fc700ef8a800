/* A unit test is a program: static functions that CHECK, and a main that RUNs them and ends in
 * `return check_done();`, which prints "name: N passed, N failed". */
#ifndef EV_CHECK_H
#define EV_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_passed, check_failed;
static bool check_ok;

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            check_ok = false;                                                                      \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);                     \
        }                                                                                          \
    } while (0)

/* Compares two C strings and shows both when they differ. */
#define CHECK_STR(got, want)                                                                       \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        if (strcmp(got_, want_) != 0) {                                                            \
            check_ok = false;                                                                      \
            fprintf(                                                                               \
                stderr, "%s:%d: got  %s\n%*swant %s\n", __FILE__, __LINE__, got_, 8, "", want_);   \
        }                                                                                          \
    } while (0)

#define RUN(test)                                                                                  \
    do {                                                                                           \
        check_ok = true;                                                                           \
        test();                                                                                    \
        check_ok ? check_passed++ : check_failed++;                                                \
        if (!check_ok) fprintf(stderr, "FAILED %s in %s\n", #test, __FILE__);                      \
    } while (0)

static inline int check_done(void) {
    printf("%d passed, %d failed\n", check_passed, check_failed);
    return check_failed ? 1 : 0;
}

#endif
