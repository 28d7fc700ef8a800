/* + - * / % over numbers, times and durations. */
#include "expr/program.h"

struct decimal seconds_of_us(int64_t us) {
    return (struct decimal){.small = us, .scale = 6};
}

static bool out_of_range(const char *what, struct err *e) {
    return err_set(e, EXIT_BAD_DATA, "%s is out of range", what);
}

static bool null_result(struct value *out) {
    out->kind = VALUE_NULL;
    return true;
}

static bool duration_of(struct decimal us, struct value *out, struct err *e) {
    struct decimal whole;
    int64_t n;
    if (!decimal_round(&us, 0, ROUND_HALF_EVEN, &whole) || !decimal_to_int64(&whole, &n))
        return out_of_range("a duration", e);
    *out = (struct value){.kind = VALUE_DURATION, .us = n};
    return true;
}

bool us_of_seconds(const struct decimal *seconds, int64_t *us) {
    struct decimal scaled, million = decimal_int(SECOND_US);
    return decimal_mul(seconds, &million, &scaled) &&
           decimal_round(&scaled, 0, ROUND_HALF_EVEN, &scaled) && decimal_to_int64(&scaled, us);
}

static bool numbers(
    char op, const struct decimal *a, const struct decimal *b, struct value *out, struct err *e) {
    struct decimal result;
    bool ok = false;
    if ((op == '/' || op == '%') && decimal_is_zero(b)) return null_result(out);
    switch (op) {
    case '+': ok = decimal_add(a, b, &result); break;
    case '-': ok = decimal_sub(a, b, &result); break;
    case '*': ok = decimal_mul(a, b, &result); break;
    case '/': ok = decimal_div(a, b, &result); break;
    case '%': ok = decimal_mod(a, b, &result); break;
    }
    if (!ok) return err_set(e, EXIT_BAD_DATA, "the result of %c is 10^38 or more", op);
    *out = (struct value){.kind = VALUE_NUMBER, .number = result};
    return true;
}

static bool durations(char op, int64_t a, int64_t b, struct value *out, struct err *e) {
    if (op == '/') {
        struct decimal x = seconds_of_us(a), y = seconds_of_us(b);
        return numbers('/', &x, &y, out, e);
    }
    int64_t us;
    if (op == '+' ? __builtin_add_overflow(a, b, &us) : __builtin_sub_overflow(a, b, &us))
        return out_of_range("a duration", e);
    *out = (struct value){.kind = VALUE_DURATION, .us = us};
    return true;
}

/* duration * number, duration / number */
static bool scaled(
    char op, int64_t us, const struct decimal *by, struct value *out, struct err *e) {
    struct decimal product, whole = decimal_int(us);
    if (op == '/' && decimal_is_zero(by)) return null_result(out);
    if (op == '*' ? !decimal_mul(&whole, by, &product) : !decimal_div(&whole, by, &product))
        return out_of_range("a duration", e);
    return duration_of(product, out, e);
}

static bool shifted(char op, int64_t t, int64_t by, struct value *out, struct err *e) {
    int64_t us;
    if (op == '+' ? __builtin_add_overflow(t, by, &us) : __builtin_sub_overflow(t, by, &us))
        return out_of_range("a time", e);
    return program_set_time(out, us, e);
}

static bool may_be_time(const struct value *v) {
    return v->kind == VALUE_TIME || v->kind == VALUE_STRING;
}

/* time ± duration, duration + time, time - time, with strings for times; else a mismatch. */
static bool times(struct expr *x, char op, const struct value *a, const struct value *b,
    struct value *out, struct err *e) {
    int64_t s, t;
    if ((op == '+' || op == '-') && may_be_time(a) && b->kind == VALUE_DURATION)
        return program_time(x, a, &t) ? shifted(op, t, b->us, out, e) : program_mismatch(x, out);
    if (op == '+' && a->kind == VALUE_DURATION && may_be_time(b))
        return program_time(x, b, &t) ? shifted(op, t, a->us, out, e) : program_mismatch(x, out);
    if (op == '-' && may_be_time(a) && may_be_time(b))
        return program_time(x, a, &s) && program_time(x, b, &t) ? durations(op, s, t, out, e)
                                                                : program_mismatch(x, out);
    return program_mismatch(x, out);
}

bool arithmetic(struct expr *x, char op, const struct value *a, const struct value *b,
    struct value *out, struct err *e) {
    enum value_kind k = a->kind, l = b->kind;
    if (k == VALUE_NUMBER && l == VALUE_NUMBER) return numbers(op, &a->number, &b->number, out, e);
    if (k == VALUE_NULL || l == VALUE_NULL) return null_result(out);
    if (k == VALUE_DURATION && l == VALUE_DURATION && op != '*' && op != '%')
        return durations(op, a->us, b->us, out, e);
    if (k == VALUE_DURATION && l == VALUE_NUMBER && (op == '*' || op == '/'))
        return scaled(op, a->us, &b->number, out, e);
    if (k == VALUE_NUMBER && l == VALUE_DURATION && op == '*')
        return scaled(op, b->us, &a->number, out, e);
    return times(x, op, a, b, out, e);
}

bool arithmetic_negate(struct expr *x, struct value *v, struct err *e) {
    switch (v->kind) {
    case VALUE_NULL: return true;
    case VALUE_NUMBER: v->number = decimal_neg(&v->number); return true;
    case VALUE_DURATION: return durations('-', 0, v->us, v, e);
    default: return program_mismatch(x, v);
    }
}
