/* Days and dates by Howard Hinnant's chrono-compatible algorithms: years begin in March, so that
 * the leap day is the last; an era is 400 years, 146,097 days. */
#include "base/timestamp.h"

enum { ERA_DAYS = 146097, EPOCH_DAYS = 719468 }; /* 0000-03-01 to 1970-01-01 */

int64_t civil_to_days(struct civil c) {
    int64_t year = (int64_t)c.year - (c.month <= 2);
    int64_t era = floor_div(year, 400), year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * ERA_DAYS + day_of_era - EPOCH_DAYS;
}

struct civil civil_from_days(int64_t days) {
    days += EPOCH_DAYS;
    int64_t era = floor_div(days, ERA_DAYS);
    unsigned day_of_era = (unsigned)(days - era * ERA_DAYS);
    unsigned year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    struct civil c = {.month = (int)(march_month < 10 ? march_month + 3 : march_month - 9),
        .day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1)};
    c.year = (int)(era * 400 + year) + (c.month <= 2);
    return c;
}
