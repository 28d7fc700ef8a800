#include <stdlib.h>

#include "expr/program.h"

int write_insn(struct writer *w, struct insn i, int effect) {
    struct expr *x = w->x;
    if (!(x->n & (x->n - 1))) /* grows at powers of two */
        x->code = mem_grow(x->code, x->n ? 2 * (size_t)x->n : 1, sizeof *x->code);
    x->code[x->n] = i;
    w->depth += effect;
    if (w->depth > x->stack_size) x->stack_size = w->depth;
    return x->n++;
}

int write_const(struct writer *w, const struct value *v) {
    struct expr *x = w->x;
    x->consts = mem_grow(x->consts, (size_t)x->n_consts + 1, sizeof *x->consts);
    x->consts[x->n_consts] = *v;
    if (v->kind == VALUE_STRING) x->consts[x->n_consts].text.p = mem_str(v->text);
    return write_insn(w, (struct insn){.op = OP_CONST, .a = x->n_consts++}, 1);
}

int write_text(struct writer *w, struct slice text) {
    return write_const(w, &(struct value){.kind = VALUE_STRING, .text = text});
}

/* The last n instructions, or NULL where a jump may lead between them. */
static struct insn *last(const struct writer *w, int n) {
    return w->x->n - n >= w->label ? w->x->code + w->x->n - n : NULL;
}

static void take_back(struct writer *w, int n, int effect) {
    w->x->n -= n;
    w->depth -= effect;
}

/* What cannot be computed here (too large, of the wrong type) is left to be said for each event. */
void write_folded(struct writer *w, struct insn i, int operands) {
    struct expr *x = w->x;
    write_insn(w, i, 1 - operands);
    struct insn *from = last(w, operands + 1);
    if (!from) return;
    for (int k = 0; k < operands; k++)
        if (from[k].op != OP_CONST) return;
    struct value *stack = mem_zero((size_t)operands + 1, sizeof *stack);
    struct err e;
    program_begin(x);
    bool ok = program_run(x, from, 0, operands + 1, NULL, stack, &e) && !x->mismatch;
    if (ok) {
        take_back(w, operands + 1, 1);
        write_const(w, &stack[1]);
    }
    free(stack);
}

static int mirrored(int how) {
    return (how & EQUAL) | (how & LESS ? GREATER : 0) | (how & GREATER ? LESS : 0);
}

/* A field and a constant, in either order, are compared without passing over the stack. */
void write_compare(struct writer *w, int how) {
    struct insn *two = last(w, 2);
    bool plain = two && two[0].op == OP_FIELD && two[1].op == OP_CONST;
    bool swapped = two && two[0].op == OP_CONST && two[1].op == OP_FIELD;
    if (!plain && !swapped) {
        write_folded(w, (struct insn){.op = OP_COMPARE, .how = (uint8_t)how}, 2);
        return;
    }
    int field = two[swapped].a, constant = two[!swapped].a;
    if (swapped) how = mirrored(how);
    bool is =
        w->x->consts[constant].kind == VALUE_STRING && (how == EQUAL || how == (LESS | GREATER));
    if (is) how = how == EQUAL;
    take_back(w, 2, 2);
    write_insn(w,
        (struct insn){.op = is ? OP_FIELD_IS : OP_FIELD_COMPARE,
            .how = (uint8_t)how,
            .a = field,
            .b = constant},
        1);
}

/* Of a field the question needs no text, which may be none. */
void write_is_null(struct writer *w, bool negated) {
    struct insn *field = last(w, 1);
    if (!field || field->op != OP_FIELD) {
        write_folded(w, (struct insn){.op = OP_IS_NULL, .how = negated}, 1);
        return;
    }
    field->op = OP_FIELD_IS_NULL;
    field->how = negated;
}

/* `field in ('a', 'b')`: OP_FIELD, OP_CONST (false), and OP_CONST, OP_IN_ITEM for each.
 * How many, or 0. */
static int texts_in_list(const struct writer *w, int start) {
    const struct expr *x = w->x;
    if (start < 1 || start - 1 < w->label || x->code[start - 1].op != OP_FIELD) return 0;
    for (int i = start + 1; i < x->n; i += 2) {
        const struct insn *item = x->code + i;
        if (item[0].op != OP_CONST || item[1].op != OP_IN_ITEM) return 0;
        if (x->consts[item[0].a].kind != VALUE_STRING ||
            item[0].a != x->code[start].a + 1 + (i - start) / 2)
            return 0;
    }
    return (x->n - start - 1) / 2;
}

void write_in_end(struct writer *w, int start, bool negated) {
    int n = texts_in_list(w, start);
    if (!n) {
        write_insn(w, (struct insn){.op = OP_IN_END, .how = negated}, -1);
        return;
    }
    int field = w->x->code[start - 1].a, first = w->x->code[start].a + 1;
    take_back(w, w->x->n - (start - 1), 2);
    write_insn(
        w, (struct insn){.op = OP_FIELD_IN, .how = negated, .a = field, .b = first, .c = n}, 1);
}

void write_target(struct writer *w, int at) {
    while (at >= 0) {
        int next = w->x->code[at].a;
        w->x->code[at].a = w->x->n;
        at = next;
    }
    w->label = w->x->n;
}

const struct value *write_take_const(struct writer *w, int start) {
    struct expr *x = w->x;
    if (x->n != start + 1 || x->code[start].op != OP_CONST) return NULL;
    take_back(w, 1, 1);
    return x->consts + x->code[start].a;
}
