/* Decimals: against vectors that Python's integers computed (in units of 10^-38, fixed seed),
 * against long division on the digits here, and by their laws. */
#include "base/decimal.h"

#include "check.h"

static uint64_t state = 88172645463325252;

static uint64_t any(uint64_t below) { /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static struct decimal parse(const char *s) {
    struct decimal d;
    if (!decimal_parse(slice_of(s), &d)) fprintf(stderr, "not read: %s\n", s);
    return d;
}

/* The text of d, in one of some buffers that take turns. */
static const char *text(const struct decimal *d) {
    static struct buf bufs[4];
    static int turn;
    struct buf *b = &bufs[turn++ % 4];
    b->n = 0;
    decimal_write(b, d);
    buf_addc(b, '\0');
    return b->p;
}

static const struct vector {
    const char *op, *a, *b, *want;
} vectors[] = {
    {"read", "-93756e+1000000000000000000000000000000", "", "too large"},
    {"read", "0.1", "", "0.1"},
    {"read", "9.319", "", "9.319"},
    {"read", "-146.81510508114286", "", "-146.81510508114286"},
    {"read", "43.46500001", "", "43.46500001"},
    {"read", "39", "", "39"},
    {"read", "4144331514785021.9", "", "4144331514785021.9"},
    {"read", "9", "", "9"},
    {"read", "-193441519049333414647201.194817117594336636", "",
        "-193441519049333414647201.194817117594336636"},
    {"+", "-794786.3144", "100000000000000000", "99999999999205213.6856"},
    {"+", "88358474903873.450298845520509553247", "606.25E+1000000000000000000000000000000",
        "too large"},
    {"+", "2806074963956908249.87", "7887", "2806074963956916136.87"},
    {"+", "-9", "-3660600923", "-3660600932"},
    {"+", "344617448", "22042.9944", "344639490.9944"},
    {"+", "-137150421", "134896719618452", "134896582468031"},
    {"+", "24122631.20513287", "0.00000000000000000000414696",
        "24122631.20513287000000000000414696"},
    {"+", "-296143216144043174.191678971887", "-99999999999999999",
        "-396143216144043173.191678971887"},
    {"+", "1076892688054e-1000000000000000000000000000000", "581216", "581216"},
    {"-", "-99999999999999999999999999999999999999", "936.3", "none"},
    {"-", "-1243.356e+32", "4.772", "-124335600000000000000000000000000004.772"},
    {"-", "0.0000973386", "192172", "-192171.9999026614"},
    {"-", "-43.3956e-3", "120944283406808", "-120944283406808.0433956"},
    {"-", "-647631.9711", "647631.9711", "-1295263.9422"},
    {"-", "-0", "397813", "-397813"},
    {"-", "112595.902", "-3", "112598.902"},
    {"*", "809732.628", "99999999999999999999999999999999999999", "none"},
    {"*", "934.50000000000000000000000000000000000000000", "6.164e-3", "5.760258"},
    {"*", "96041.599967", "0.0000000683953", "0.0065687940422229551"},
    {"*", "35439E-225", "799296", "0"},
    {"*", "-70.7", "18446744073709551615", "-1304184806011265299180.5"},
    {"*", "92.2", "0.00000000000000000000000000000000491899",
        "0.00000000000000000000000000000045353088"},
    {"*", "-73.4749", "-545.125379506923145455462310", "40053.032746733227420025547681019"},
    {"*", "2981.2219275328120556605734623", "99.000000000000000000000",
        "295140.9708257483935103967727677"},
    {"/", "-9223372036854775808", "-9223372036854775808", "1"},
    {"/", "9.319999999999999999999999999999999999999999", "-8", "-1.165"},
    {"/", "51615.39500001", "0.0000000000000159209", "3241989774448052600"},
    {"/", "0", "-8.4576007135913209710311050776710522883500001", "0"},
    {"/", "-685.095", "-9446.4974", "0.072523705982282915"},
    {"/", "-5099", "-68688724261637", "0.000000000074233435761272645"},
    {"/", "60707", "1", "60707"},
    {"/", "94.625", "-908362747953012184", "-0.00000000000000010417093855206705"},
    {"/", "-99999999999999999999999999999999999999", "5.5",
        "-18181818181818182000000000000000000000"},
    {"%", "99999999999999999", "99999999999999999", "0"},
    {"%", "-895762569667516353", "73.207", "-7.812"},
    {"%", "9223372036854775807", "0.00000000000000000000000028096",
        "0.00000000000000000000000023552"},
    {"%", "-3535", "-5686661705819782033830259.1753989358085125051", "-3535"},
    {"%", "-72298177.069", "70.59", "-40.249"},
    {"%", "999999999999999999", "70978664826372696.5656598329", "6298692430782247.0807623394"},
    {"%", "35e+3", "2017.53", "701.99"},
    {"%", "-999999999.55555555555555555555555", "142193.6208", "-94458.08995555555555555555555"},
    {"%", "-0", "-510262821.5424254990542218291710", "0"},
    {"cmp", "-69159.37500001E+72", "722539.2e+1", "too large"},
    {"cmp", "5702351917113012.33769916868423", "46366", "1"},
    {"cmp", "967581.509", "-8127.4485", "1"},
    {"cmp", "875568.2141", "36253.6150", "1"},
    {"cmp", "-442255.79e327", "426.902899919585032112618640141354101910500001", "too large"},
    {"cmp", "558.4", "-999999999999999999999999999999999999.55555555", "1"},
    {"cmp", "562", "72302831050589421", "-1"},
    {"cmp", "0.0000640440", "-821605662721101286.515156325524", "1"},
    {"cmp", "999999.00", "1472.6792", "1"},
    {"int", "133773.33", "", "none"},
    {"int", "-10000000000000000000", "", "none"},
    {"int", "63427352887748.1143323799350176903", "", "none"},
    {"int", "-10000000000000000000", "", "none"},
    {"int", "9.663847018798119567114392573745446361", "", "none"},
    {"int", "-8343.1E-1000000000000000000000000000000", "", "0"},
    {"int", "0.00000000000000000000374200", "", "none"},
    {"int", "4834", "", "4834"},
    {"int", "-96610.6901", "", "none"},
    {"round", "-3860397878", "2", "-3860397878"},
    {"round", "9974.8410", "29", "9974.841"},
    {"round", "-88679", "2", "-88679"},
    {"round", "116298.6321", "0", "116299"},
    {"round", "6317.806", "13", "6317.806"},
    {"round", "-67.7859967", "0", "-68"},
    {"round", "9", "26", "9"},
    {"round", "-416.21e0", "2", "-416.21"},
    {"round", "62192.175", "2", "62192.18"},
    {"floor", "509", "0", "509"},
    {"floor", "4849.5157e33", "13", "4849515700000000000000000000000000000"},
    {"floor", "414172.3", "0", "414172"},
    {"floor", "-64.60", "2", "-64.6"},
    {"floor", "-218.8285", "0", "-219"},
    {"floor", "35148.998288735575347918942271685", "2", "35148.99"},
    {"floor", "218442090", "0", "218442090"},
    {"floor", "-799.0094", "25", "-799.0094"},
    {"floor", "-29", "0", "-29"},
    {"ceil", "100000000000000000", "2", "100000000000000000"},
    {"ceil", "-70383938.8011017094469908081", "0", "-70383938"},
    {"ceil", "-9999.444444444444444444444444", "2", "-9999.44"},
    {"ceil", "9.82", "0", "10"},
    {"ceil", "-99999999999999999999999999999999999999", "0",
        "-99999999999999999999999999999999999999"},
    {"ceil", "94152.8317928918199", "0", "94153"},
    {"ceil", "-10477330187955225.8581184", "0", "-10477330187955225"},
    {"ceil", "0.000793750", "0", "1"},
    {"ceil", "863138291500504332123703", "0", "863138291500504332123703"},
};

static bool compute(const struct vector *v, const struct decimal *a, struct decimal *out) {
    struct decimal b = {0};
    char op = v->op[0];
    if (strcmp(v->op, "round") == 0) return decimal_round(a, atoi(v->b), ROUND_HALF_EVEN, out);
    if (strcmp(v->op, "floor") == 0) return decimal_round(a, atoi(v->b), ROUND_FLOOR, out);
    if (strcmp(v->op, "ceil") == 0) return decimal_round(a, atoi(v->b), ROUND_CEIL, out);
    if (*v->b) b = parse(v->b);
    if (strcmp(v->op, "cmp") == 0) return *out = decimal_int(decimal_cmp(a, &b)), true;
    if (op == '+') return decimal_add(a, &b, out);
    if (op == '-') return decimal_sub(a, &b, out);
    if (op == '*') return decimal_mul(a, &b, out);
    if (op == '/') return decimal_div(a, &b, out);
    if (op == '%') return decimal_mod(a, &b, out);
    if (op == 'r') return *out = *a, true;
    int64_t whole;
    if (!decimal_to_int64(a, &whole)) return false;
    *out = decimal_int(whole);
    return true;
}

static void agrees_with_vectors(void) {
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        struct decimal a, b, out;
        bool read =
            decimal_parse(slice_of(v->a), &a) && (!*v->b || decimal_parse(slice_of(v->b), &b));
        const char *got = !read ? "too large" : compute(v, &a, &out) ? text(&out) : "none";
        if (strcmp(got, v->want) != 0) fprintf(stderr, "%s %s %s:\n", v->a, v->op, v->b);
        CHECK_STR(got, v->want);
    }
}

static void reads_what_json_can_say(void) {
    static const char *const rows[][2] = {{"0", "0"}, {"-0", "0"}, {"-0.0e5", "0"}, {"1e3", "1000"},
        {"1E+3", "1000"}, {"1e-400", "0"}, {"0e999999999999", "0"},
        {"5113603275374105668", "5113603275374105668"}, {"1.10", "1.1"}, {"-1.50", "-1.5"},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775808", "-9223372036854775808"}, {"12345678", "12345678"},
        {"1234567.8", "1234567.8"}, {"123456789012345678", "123456789012345678"},
        {"0.00000000000000000000000000000000000001", "0.00000000000000000000000000000000000001"},
        {"5e-39", "0"}, {"15e-39", "0.00000000000000000000000000000000000002"},
        {"5.0000000000000001e-39", "0.00000000000000000000000000000000000001"},
        {"99999999999999999999999999999999999999", "99999999999999999999999999999999999999"},
        {"0.1e-9223372036854775807999", "0"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct decimal d = parse(rows[i][0]);
        CHECK_STR(text(&d), rows[i][1]);
    }
    static const char *const large[] = {"1e38", "-1e38", "1e400", "1e9223372036854775808",
        "100000000000000000000000000000000000000",
        "99999999999999999999999999999999999999.999999999999999999999999999999999999995"};
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        struct decimal d;
        CHECK(!decimal_parse(slice_of(large[i]), &d));
    }
}

/* A million zeros in front of, within and behind the digits, undone by the exponent. */
static void reads_numbers_of_any_length(void) {
    enum { LONG = 1000000 };
    struct buf b = {0};
    struct decimal d;
    buf_adds(&b, "0.");
    memset(buf_reserve(&b, LONG), '0', LONG);
    b.n += LONG;
    buf_adds(&b, "12345e1000003");
    CHECK(decimal_parse(buf_slice(&b), &d));
    CHECK_STR(text(&d), "123.45");
    b.n = 0;
    buf_adds(&b, "7");
    memset(buf_reserve(&b, LONG), '0', LONG);
    b.n += LONG;
    CHECK(!decimal_parse(buf_slice(&b), &d));
    buf_adds(&b, ".5e-1000000");
    CHECK(decimal_parse(buf_slice(&b), &d));
    CHECK_STR(text(&d), "7");
    buf_free(&b);
}

static void knows_the_grammar(void) {
    static const char *const good[] = {"0", "-0", "10", "1.0", "0.5e+10", "-1E5", "1e05"};
    static const char *const bad[] = {"", "-", "+1", "01", "-01", ".5", "1.", "1.e5", "1e", "1e+",
        "0x1", "1 ", " 1", "NaN", "1e5.0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        CHECK(decimal_is_number(slice_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!decimal_is_number(slice_of(bad[i])));
}

/* A random number's text: short, long, with many nines or zeros. */
static const char *random_number(char out[96]) {
    static const char digits[] = "0123456789990000";
    char *p = out;
    if (any(3) == 0) *p++ = '-';
    uint64_t whole = any(3) ? any(6) : any(38), fraction = any(3) ? any(4) : any(45);
    *p++ = whole ? (char)('1' + any(9)) : '0';
    while (whole-- > 1) *p++ = digits[any(16)];
    if (fraction) *p++ = '.';
    while (fraction-- > 0) *p++ = digits[any(16)];
    *p = '\0';
    return out;
}

static int sign(int c) { return (c > 0) - (c < 0); }

static void keys_are_ordered_as_numbers(void) {
    char x[96], y[96];
    for (int i = 0; i < 200000; i++) {
        struct decimal a = parse(random_number(x)), b = parse(random_number(y)), back;
        unsigned char k[DECIMAL_KEY_MAX], l[DECIMAL_KEY_MAX];
        size_t n = decimal_key(&a, k), m = decimal_key(&b, l), least = n < m ? n : m;
        CHECK(n <= DECIMAL_KEY_MAX && m <= DECIMAL_KEY_MAX);
        int c = memcmp(k, l, least);
        CHECK(sign(c) == decimal_cmp(&a, &b));
        CHECK((c == 0) == (n == m && decimal_cmp(&a, &b) == 0)); /* no key begins another */
        CHECK(decimal_from_key(k, &back) == n && decimal_cmp(&a, &back) == 0);
        CHECK_STR(text(&back), text(&a));
        if (!check_ok) return;
    }
}

static void keys_do_not_show_the_form(void) {
    static const char *const same[][2] = {{"1", "1.0"}, {"1000", "1e3"}, {"-2.5", "-2.50000"},
        {"0", "-0"}, {"7", "7.00000000000000000000000000000000000000000"}, {"100", "1e2"}};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct decimal a = parse(same[i][0]), b = parse(same[i][1]), zero = {0},
                       half = parse("1e-30");
        decimal_add(&b, &half, &b); /* there and back through the wide form */
        decimal_sub(&b, &half, &b);
        decimal_add(&b, &zero, &b);
        unsigned char k[DECIMAL_KEY_MAX], l[DECIMAL_KEY_MAX];
        size_t n = decimal_key(&a, k), m = decimal_key(&b, l);
        CHECK(n == m && memcmp(k, l, n) == 0);
    }
}

static void obeys_its_laws(void) {
    char x[96], y[96];
    for (int i = 0; i < 100000; i++) {
        struct decimal a = parse(random_number(x)), b = parse(random_number(y)), r, s;
        struct decimal minus = decimal_neg(&a), whole;
        CHECK(decimal_add(&a, &minus, &r) && decimal_is_zero(&r));
        if (decimal_add(&a, &b, &r)) CHECK(decimal_sub(&r, &b, &s) && decimal_cmp(&s, &a) == 0);
        if (decimal_mul(&a, &b, &r)) CHECK(decimal_mul(&b, &a, &s) && decimal_cmp(&r, &s) == 0);
        CHECK(decimal_cmp(&a, &b) == -decimal_cmp(&b, &a));
        if (decimal_mod(&a, &b, &r)) { /* what is left is a multiple of b, smaller than b */
            CHECK(decimal_is_zero(&r) || decimal_is_negative(&r) == decimal_is_negative(&a));
            CHECK(decimal_sub(&a, &r, &s) && decimal_mod(&s, &b, &s) && decimal_is_zero(&s));
        }
        CHECK(decimal_round(&a, 0, ROUND_FLOOR, &whole) && decimal_cmp(&whole, &a) <= 0);
        CHECK(decimal_round(&a, 38, ROUND_CEIL, &s) && decimal_cmp(&s, &a) == 0);
        s = parse(text(&a));
        CHECK(decimal_cmp(&s, &a) == 0);
        if (!check_ok) return;
    }
}

/* a / b to 17 digits as taught at school: a digit at a time, then half to even. */
static void school_division(uint64_t a, uint64_t b, char *out) {
    char digits[64];
    int n = 0, whole = snprintf(digits, sizeof digits, "%llu", (unsigned long long)(a / b));
    uint64_t rest = a % b;
    n = whole;
    int first = a / b ? 0 : -1;
    while (n < 60 && (first < 0 || n - first < 17)) {
        digits[n++] = (char)('0' + rest * 10 / b);
        rest = rest * 10 % b;
        if (first < 0 && digits[n - 1] != '0') first = n - 1;
    }
    if (rest * 2 > b || (rest * 2 == b && (digits[n - 1] - '0') % 2)) {
        int i = n - 1;
        for (; digits[i] == '9'; i--) digits[i] = '0';
        digits[i]++;
    }
    while (n > whole && digits[n - 1] == '0') n--;
    snprintf(out, 80, "%.*s%s%.*s", whole, digits, n > whole ? "." : "", n - whole, digits + whole);
}

static void divides_as_at_school(void) {
    for (int i = 0; i < 100000; i++) {
        uint64_t a = any(UINT64_C(1) << (1 + any(39))), b = 1 + any(UINT64_C(1) << (1 + any(30)));
        if (a / b >= 999999)
            a %= b; /* all nines, one digit more when rounded, are not for school */
        char want[80];
        school_division(a, b, want);
        struct decimal x = decimal_int((int64_t)a), y = decimal_int((int64_t)b), q,
                       e = parse("1e-38");
        CHECK(decimal_div(&x, &y, &q));
        CHECK_STR(text(&q), want);
        /* and by way of the wide form */
        CHECK(decimal_add(&y, &e, &y) && decimal_sub(&y, &e, &y) && decimal_div(&x, &y, &q));
        CHECK_STR(text(&q), want);
        struct sum s = {0};
        struct buf b2 = {0};
        sum_add(&s, &x);
        sum_write_quotient(&b2, &s, b);
        buf_addc(&b2, '\0');
        CHECK_STR(b2.p, want);
        buf_free(&b2);
        if (!check_ok) return;
    }
}

static void extremes_of_int64_hold(void) {
    struct decimal least = decimal_int(INT64_MIN), one = decimal_int(-1), r;
    int64_t v;
    r = decimal_neg(&least);
    CHECK_STR(text(&r), "9223372036854775808");
    CHECK(!decimal_to_int64(&r, &v));
    r = decimal_neg(&r);
    CHECK(decimal_to_int64(&r, &v) && v == INT64_MIN);
    CHECK(decimal_div(&least, &one, &r));
    CHECK_STR(text(&r), "9223372036854775800");
    CHECK(decimal_mul(&least, &least, &r));
    CHECK_STR(text(&r), "85070591730234615865843651857942052864");
    CHECK(decimal_mod(&least, &one, &r) && decimal_is_zero(&r));
    CHECK(!decimal_mod(&one, &(struct decimal){0}, &r));
    CHECK(!decimal_div(&one, &(struct decimal){0}, &r));
}

int main(void) {
    RUN(agrees_with_vectors);
    RUN(reads_what_json_can_say);
    RUN(reads_numbers_of_any_length);
    RUN(knows_the_grammar);
    RUN(keys_are_ordered_as_numbers);
    RUN(keys_do_not_show_the_form);
    RUN(obeys_its_laws);
    RUN(divides_as_at_school);
    RUN(extremes_of_int64_hold);
    return check_done();
}
