/* Conditions on single fields that --where can decide without the machine. */
#ifndef EV_EXPR_FILTER_H
#define EV_EXPR_FILTER_H

#include "expr/program.h"

/* A field and a constant. Known while the field has the constant's type and no escape. */
struct filter {
    int field;
    uint8_t kind; /* enum json_kind: JSON_STRING or JSON_NUMBER */
    uint8_t how;  /* enum comparison; of a string only equal or not */
    struct slice text;
    struct decimal number;
};

/* Finds the filters that a program which is a conjunction begins with; once it is complete. */
void filters_find(struct expr *x);
/* True: all hold, and true is what the machine has on the stack at x->behind_filters. False: one
 * does not, nor does the whole. Null: not known here; run all of the program. */
enum value_kind filters_decide(const struct expr *x, const struct json_field *fields);

#endif
