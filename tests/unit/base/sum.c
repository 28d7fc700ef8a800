/* Sums: exact whatever is added and in whatever order; quotients rounded once. */
#include "base/decimal.h"

#include "check.h"

static uint64_t state = 88172645463325252;

static uint64_t any(uint64_t below) { /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static const char *text(const struct sum *s) {
    static struct buf b;
    b.n = 0;
    sum_write(&b, s);
    buf_addc(&b, '\0');
    return b.p;
}

static const char *quotient(const struct sum *s, uint64_t count) {
    static struct buf b;
    b.n = 0;
    sum_write_quotient(&b, s, count);
    buf_addc(&b, '\0');
    return b.p;
}

static struct sum sum_of(const char *numbers) {
    struct sum s = {0};
    while (*numbers) {
        size_t n = strcspn(numbers, " ");
        struct decimal d;
        if (decimal_parse((struct slice){numbers, n}, &d)) sum_add(&s, &d);
        numbers += n + strspn(numbers + n, " ");
    }
    return s;
}

static void adds_exactly(void) {
    static const char *const rows[][2] = {{"0.1 0.2", "0.3"}, {"0.1 0.2 -0.3", "0"}, {"", "0"},
        {"1e37 1e-38 -1e37", "0.00000000000000000000000000000000000001"}, {"-1 0.5", "-0.5"},
        {"9223372036854775807 9223372036854775807", "18446744073709551614"},
        {"-9223372036854775808 -9223372036854775808", "-18446744073709551616"},
        {"99999999999999999999999999999999999999 1", "100000000000000000000000000000000000000"},
        {"1234567890123456789012345678901234567.8 0.2", "1234567890123456789012345678901234568"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sum s = sum_of(rows[i][0]);
        CHECK_STR(text(&s), rows[i][1]);
        CHECK(sum_is_zero(&s) == (strcmp(rows[i][1], "0") == 0));
    }
}

enum { MANY = 1000000 };

static void shuffle(struct decimal *d) {
    for (uint64_t i = MANY - 1; i > 0; i--) {
        uint64_t j = any(i + 1);
        struct decimal t = d[i];
        d[i] = d[j];
        d[j] = t;
    }
}

/* In two parts, which are then merged. */
static struct sum add_all(const struct decimal *d, size_t cut) {
    struct sum first = {0}, second = {0};
    for (size_t i = 0; i < MANY; i++) sum_add(i < cut ? &first : &second, &d[i]);
    sum_merge(&second, &first);
    return second;
}

/* Prices and, among them, numbers of 40 digits. */
static void no_order_changes_a_digit(void) {
    struct decimal *d = mem_alloc(MANY * sizeof *d);
    for (int i = 0; i < MANY; i++) {
        char number[64];
        int n = snprintf(number, sizeof number, "%s%llu.%02llu", any(4) ? "" : "-",
            (unsigned long long)any(i % 7 ? 100000 : UINT64_C(1) << 62),
            (unsigned long long)any(100));
        for (int k = 0; i % 5 == 0 && k < 34; k++) n += snprintf(number + n, 3, "%d", (int)any(10));
        CHECK(decimal_parse((struct slice){number, (size_t)n}, &d[i]));
    }
    struct sum s = add_all(d, MANY);
    char want[160];
    snprintf(want, sizeof want, "%s", text(&s));
    for (int turn = 0; turn < 3; turn++) {
        shuffle(d);
        struct sum again = add_all(d, any(MANY));
        CHECK_STR(text(&again), want);
    }
    free(d);
}

/* 2^64 of the largest numbers, by doubling; and 2^64 of the least. */
static void cannot_overflow(void) {
    static const char nines[] = "99999999999999999999999999999999999999."
                                "99999999999999999999999999999999999999";
    for (int negative = 0; negative < 2; negative++) {
        char number[96], want[160];
        snprintf(number, sizeof number, "%s%s", negative ? "-" : "", nines);
        struct sum s = sum_of(number);
        for (int i = 0; i < 64; i++) {
            struct sum same = s;
            sum_merge(&s, &same);
        }
        snprintf(want, sizeof want, "%s%s", negative ? "-" : "",
            "1844674407370955161599999999999999999999999999999999999999."
            "99999999999999999981553255926290448384");
        CHECK_STR(text(&s), want);
    }
}

static void quotients_are_rounded_once(void) {
    static const struct {
        const char *numbers;
        uint64_t count;
        const char *want;
    } rows[] = {{"73200", 121, "604.95867768595041"}, {"72000", 120, "600"},
        {"1", 3, "0.33333333333333333"}, {"2", 3, "0.66666666666666667"},
        {"-2", 3, "-0.66666666666666667"}, {"0", 7, "0"}, {"0.1 0.2", 3, "0.1"}, {"1e-38", 2, "0"},
        {"3e-38", 2, "0.00000000000000000000000000000000000002"},
        {"9999999999999999.95", 1, "10000000000000000"},
        {"12345678901234565", 10, "1234567890123456.5"},
        {"123456789012345645", 10, "12345678901234564"},
        {"123456789012345655", 10, "12345678901234566"},
        {"1", UINT64_MAX, "0.000000000000000000054210108624275222"},
        {"99999999999999999999999999999999999999", 1, "100000000000000000000000000000000000000"},
        {"99999999999999999999999999999999999999", UINT64_MAX, "5421010862427522200"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sum s = sum_of(rows[i].numbers);
        CHECK_STR(quotient(&s, rows[i].count), rows[i].want);
    }
}

int main(void) {
    RUN(adds_exactly);
    RUN(no_order_changes_a_digit);
    RUN(cannot_overflow);
    RUN(quotients_are_rounded_once);
    return check_done();
}
