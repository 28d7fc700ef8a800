/* Inside lib/expr: the program that an expression is compiled into, and who does what.
 *
 * lex.c cuts the text into tokens; parse.c reads the grammar downward and writes the program as it
 * goes, by way of compile.c, which folds constants and puts the common comparisons of a field with
 * a constant into one instruction; filter.c decides the commonest of those alone; eval.c runs the
 * rest, with arith.c and func.c.
 *
 * A program is for a stack machine. Jumps only go forward, so it ends after at most as many steps
 * as it has instructions, whatever the data. */
#ifndef EV_EXPR_PROGRAM_H
#define EV_EXPR_PROGRAM_H

#include <regex.h>

#include "expr/expr.h"

/* One bit each for less, equal, greater. */
enum comparison { LESS = 1, EQUAL = 2, GREATER = 4 };

enum opcode {
    OP_CONST,         /* -> consts[a] */
    OP_FIELD,         /* -> fields[a] */
    OP_TIME,          /* -> @time */
    OP_FIELD_IS_NULL, /* -> fields[a] is null; how: not */
    OP_COMPARE,       /* x y -> x how y */
    OP_FIELD_IS,      /* -> fields[a] = text consts[b], or <> it when how is 0 */
    OP_FIELD_IN,      /* -> fields[a] in text consts[b .. b + c), or not in them when how is 1 */
    OP_FIELD_COMPARE, /* -> fields[a] how consts[b] */
    OP_ARITHMETIC,    /* x y -> x how y, how being the character */
    OP_CONCAT,        /* x y -> x || y */
    OP_NEGATE,        /* x -> -x */
    OP_NOT,           /* x -> not x */
    OP_IS_NULL,       /* x -> x is null; how: not */
    OP_LIKE,          /* x pattern -> x like pattern; how: not */
    OP_BETWEEN,       /* x low high -> x between low and high; how: not */
    OP_IN_ITEM,       /* x found y -> x (found or x = y) */
    OP_IN_END,        /* x found -> found; how: not */
    OP_AND_JUMP,      /* to a if false, leaving it */
    OP_AND,           /* x y -> x and y */
    OP_OR_JUMP,       /* to a if true, leaving it */
    OP_OR,            /* x y -> x or y */
    OP_JUMP,          /* to a */
    OP_UNLESS,        /* x -> ; to a unless it is true */
    OP_UNLESS_EQUAL,  /* x y -> x; to a unless they are equal */
    OP_DROP_UNDER,    /* x y -> y */
    OP_COALESCE,      /* to a unless x is null; x -> if it is */
    OP_CALL,          /* a arguments -> functions[how] of them; b: a unit or a regular expression */
};

struct insn {
    uint8_t op, how;
    int32_t a, b, c;
};

struct expr_path {
    struct json_path path;
    int index; /* among the scanner's wanted fields */
};

struct expr {
    struct insn *code;
    int n;
    struct value *consts; /* strings are owned */
    int n_consts;
    struct expr_path *paths;
    int n_paths;
    regex_t *regexes;
    int n_regexes;
    struct value *stack; /* the first is not used */
    int stack_size;
    char *text;
    struct filter *filters; /* filter.h */
    int n_filters;
    int behind_filters;       /* the instruction behind them */
    struct time_format times; /* of strings that stand for times; holds the zone */

    /* Of the evaluation at hand. Strings that it makes lie in scratch, whose bytes never move: a
     * full one is retired until the next evaluation. */
    bool mismatch;
    struct buf scratch;
    struct buf *retired;
    int n_retired;
};

/* ---- eval.c ---- */

/* Runs code[at, n); the stack lies above `top`, has room, and the result comes where `top` + 1 or,
 * behind filters, the one value on it is: in stack[1]. */
bool program_run(struct expr *x, const struct insn *code, int at, int n,
    const struct expr_input *in, struct value *top, struct err *e);
/* Empties scratch. */
void program_begin(struct expr *x);
/* Room for `more` bytes in scratch, so that adding them moves nothing. */
void program_reserve(struct expr *x, size_t more);
/* Null, and the event counts as one with a mismatch. Returns true. */
bool program_mismatch(struct expr *x, struct value *out);
/* The canonical text of a value, as || and str() take it; false for objects and arrays. */
bool program_text(struct expr *x, const struct value *v, struct slice *out);
/* A time, or a string that spells one. */
bool program_time(struct expr *x, const struct value *v, int64_t *us);
/* A time as a result. EXIT_BAD_DATA outside the range of times. */
bool program_set_time(struct value *out, int64_t us, struct err *e);

/* ---- arith.c ---- */

/* a op b into out, which may be a. */
bool arithmetic(struct expr *x, char op, const struct value *a, const struct value *b,
    struct value *out, struct err *e);
bool arithmetic_negate(struct expr *x, struct value *v, struct err *e);
/* A duration as a number of seconds, and back (to the microsecond); false out of range. */
struct decimal seconds_of_us(int64_t us);
bool us_of_seconds(const struct decimal *seconds, int64_t *us);

/* ---- func.c ---- */

enum constant_argument { CONSTANT_NONE, CONSTANT_UNIT, CONSTANT_REGEX };

struct function {
    const char *name, *usage;
    int least, most; /* arguments; most -1: any number */
    /* Its `position`-th argument (from 1) is a constant that is dealt with by the parser. */
    enum constant_argument constant;
    int constant_position;
    /* None of the arguments is null; the result replaces args[0]. NULL: the parser makes jumps of
     * it. */
    bool (*call)(struct expr *x, const struct insn *i, struct value *args, struct err *e);
};
extern const struct function functions[];
/* By name, in any case; -1 and *nearest (or NULL) when there is none. */
int function_find(struct slice name, const char **nearest);
/* The number of a date_trunc() unit, or -1. */
int function_unit(struct slice name);

/* ---- compile.c ---- */

/* Writes a program. Instructions in front of `label` may be jumped over, so those behind it are not
 * merged with them. */
struct writer {
    struct expr *x;
    int depth; /* of the stack here */
    int label;
};

/* Each returns the index of the instruction; `effect` is what it does to the stack's depth. */
int write_insn(struct writer *w, struct insn i, int effect);
int write_const(struct writer *w, const struct value *v); /* copies a string */
int write_text(struct writer *w, struct slice text);
/* An instruction that makes one value of the `operands` values in front of it, folded if they are
 * constant. */
void write_folded(struct writer *w, struct insn i, int operands);
void write_compare(struct writer *w, int how);
void write_is_null(struct writer *w, bool negated);
/* The end of `x in (...)`, whose list began at instruction `start`. */
void write_in_end(struct writer *w, int start, bool negated);
/* Makes the jump at `at` lead to here, and so the chain of jumps that its `a` links (-1 ends
 * it). */
void write_target(struct writer *w, int at);
/* Takes the constant back that is all of what was written from `start` on; NULL if that is
 * something else. */
const struct value *write_take_const(struct writer *w, int start);

#endif
