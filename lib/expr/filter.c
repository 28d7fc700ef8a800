/* The hot path of --where: `event_type = "ORDER_DELIVERED" and order_value > 100` compares the
 * bytes of fields with constants, some nanoseconds each, and does not start the machine unless more
 * is asked. */
#include "expr/filter.h"

static bool as_filter(const struct expr *x, const struct insn *i, struct filter *out) {
    if (i->op != OP_FIELD_IS && i->op != OP_FIELD_COMPARE) return false;
    const struct value *v = &x->consts[i->b];
    *out = (struct filter){.field = i->a, .how = i->how};
    if (i->op == OP_FIELD_IS) {
        out->kind = JSON_STRING;
        out->how = i->how ? EQUAL : LESS | GREATER;
        out->text = v->text;
        return true;
    }
    out->kind = JSON_NUMBER;
    if (v->kind == VALUE_NUMBER) out->number = v->number;
    return v->kind == VALUE_NUMBER;
}

static void add_filter(struct expr *x, struct filter f, int behind) {
    x->filters = mem_grow(x->filters, (size_t)x->n_filters + 1, sizeof *x->filters);
    x->filters[x->n_filters++] = f;
    x->behind_filters = behind;
}

/* `f and g and ...` is f, OP_AND_JUMP, g, OP_AND, OP_AND_JUMP, ..., OP_AND, each jump leading
 * behind its OP_AND. */
static bool is_conjunction(const struct expr *x) {
    int at = 1;
    while (at < x->n && x->code[at].op == OP_AND_JUMP) at = x->code[at].a;
    return at == x->n;
}

void filters_find(struct expr *x) {
    struct filter f;
    if (!is_conjunction(x) || !as_filter(x, x->code, &f)) return;
    add_filter(x, f, 1);
    for (int at = 1; at < x->n && x->code[at].a == at + 3; at += 3) {
        if (!as_filter(x, &x->code[at + 1], &f)) return;
        add_filter(x, f, at + 3);
    }
}

/* Equal runs of n bytes? The short ones, nearly all, by loads that may overlap. */
static inline bool same_bytes(const char *a, const char *b, size_t n) {
    uint64_t x, y, u, v;
    uint32_t i, j, k, l;
    if (n > 16) return memcmp(a, b, n) == 0;
    if (n >= 8) {
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        memcpy(&u, a + n - 8, 8);
        memcpy(&v, b + n - 8, 8);
        return ((x ^ y) | (u ^ v)) == 0;
    }
    if (n >= 4) {
        memcpy(&i, a, 4);
        memcpy(&j, b, 4);
        memcpy(&k, a + n - 4, 4);
        memcpy(&l, b + n - 4, 4);
        return ((i ^ j) | (k ^ l)) == 0;
    }
    return n == 0 || ((a[0] ^ b[0]) | (a[n / 2] ^ b[n / 2]) | (a[n - 1] ^ b[n - 1])) == 0;
}

static inline enum value_kind decide(const struct filter *f, const struct json_field *field) {
    if (field->kind != f->kind || field->escaped) return VALUE_NULL;
    if (f->kind == JSON_STRING) {
        bool same = field->n == f->text.n && same_bytes(field->p, f->text.p, field->n);
        return same == (f->how == EQUAL) ? VALUE_TRUE : VALUE_FALSE;
    }
    struct decimal d;
    if (!decimal_parse(json_slice(field), &d)) return VALUE_NULL;
    int cmp = decimal_cmp(&d, &f->number);
    int how = cmp < 0 ? LESS : cmp > 0 ? GREATER : EQUAL;
    return f->how & how ? VALUE_TRUE : VALUE_FALSE;
}

enum value_kind filters_decide(const struct expr *x, const struct json_field *fields) {
    for (int i = 0; i < x->n_filters; i++) {
        enum value_kind k = decide(&x->filters[i], &fields[x->filters[i].field]);
        if (k != VALUE_TRUE) return k;
    }
    return VALUE_TRUE;
}
