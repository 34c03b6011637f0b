// Package schedule reads the schedule expressions of EventBridge Scheduler and of EventBridge's rules, and says when they
// are due: rate(value unit), cron(minutes hours day-of-month month day-of-week year) and at(yyyy-mm-ddThh:mm:ss).
//
// Sources: EventBridge Scheduler User Guide, "Schedule types on EventBridge Scheduler"; Amazon EventBridge User Guide,
// "Setting a schedule pattern for scheduled rules".
//
// Time zones and daylight saving, as the first guide says: a cron time that a zone's clock leaps over does not run; one
// that the clock shows twice runs once, the first time; a rate's day is 24 hours.
//
// What the guides leave open, and what is done here:
//   - names of months and days are taken in any case; ranges may go over the end (FRI-MON, 22-2), as Quartz reads them;
//   - LW, L-3 in the day of the month and / in the day of the week are taken;
//   - an at() time that the clock leaps over runs by the clock before the leap: 02:30 becomes 03:30;
//   - an expression without any date (cron(0 0 31 2 ? *)) is taken and never due;
//   - a rule's rate wants minute beside 1 and minutes beside anything else, Scheduler's does not.
//
// It has no clock and starts nothing: the services ask for the next time.
package schedule
