using System.Globalization;
using Sealift.Plans.Runs;
using Sealift.Plans.Store;
using Sealift.Posix;

namespace Sealift.Plans;

/// <summary>Errors of plans that are carried out; SL765x.</summary>
internal static class PlanErrors
{
    private const int ProblemsSaid = 20; // of ten thousand machines each may have one

    public static SealiftException RunIsOrdered(string name) => new(
        "SL7648", "store a document", $"Migration {name}", "it is an order, and is kept by the run that it begins", "Apply it with `sealift plan apply`, or post it to /documents of the API");

    public static SealiftException CannotStore(string plan, IReadOnlyList<PlanProblem> problems) => new(
        "SL7656", "store a plan", plan, string.Join("; ", problems.Take(ProblemsSaid).Select(p => $"{p.Code}: {(p.Place.Length > 0 ? $"{p.Place} " : string.Empty)}{(p.Field.Length > 0 ? $"{p.Field}: " : string.Empty)}{p.Said}")) + (problems.Count > ProblemsSaid ? string.Create(CultureInfo.InvariantCulture, $"; and {problems.Count - ProblemsSaid} more") : string.Empty), problems[0].NextStep.Length > 0 ? problems[0].NextStep : "Mend it, and apply it again");

    public static SealiftException OrderedOtherwise(string name, string began, string plan) => new(
        "SL7657", "begin a run", $"Migration {name}", $"a document of this name began a run of plan {began}, and now names plan {plan}", "Give the new order a name of its own");

    public static SealiftException NoWindowLeft(string machine, DateTimeOffset closed) => new(
        "SL7650", "begin or cut over a machine", machine, $"its last maintenance window closed {closed.UtcDateTime.ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture)}", "Give the plan another window with `sealift plan apply`, and `sealift plan retry` or `sealift plan cutover`, which take it over");

    public static SealiftException Stuck(string machine, string step, TimeSpan silence) => new(
        "SL7651", "see progress", machine, string.Create(CultureInfo.InvariantCulture, $"nothing was heard of it for {silence.TotalMinutes:0.#} minutes{(step.Length > 0 ? $", in {step}" : string.Empty)}; it no longer holds a place"), "Look at its source and its target; it goes on by itself when they answer again, or cancel it");

    public static SealiftException DeadlineOver(string machine, TimeSpan deadline) => new(
        "SL7652", "migrate a machine in time", machine, string.Create(CultureInfo.InvariantCulture, $"it took longer than the {deadline.TotalMinutes:0.#} minutes that the plan allows"), "Find out what it waited for, give it more time in the plan, and retry it");

    public static SealiftException DoesNotEnd(string machine, string migration, TimeSpan silence) => new(
        "SL7653", "cancel a machine", machine, string.Create(CultureInfo.InvariantCulture, $"migration {migration} has not ended {silence.TotalMinutes:0.#} minutes after it was told to"), "Look at its source and its target with `sealift show`; where it ends after all, its verdict is shown here");

    public static SealiftException ElsewhereAtWork(string machine, string migration, string owner) => new(
        "SL7654", "go on with a machine", machine, $"its migration {migration} is in the state directory of {owner}", "Start Sealift there again, which goes on with it; or cancel it and retry it, which begins a new migration here");

    public static SealiftException DoesNotLeave(string run, TimeSpan waited) => new(
        "SL7655", "leave a run", run, string.Create(CultureInfo.InvariantCulture, $"after {waited.TotalSeconds:0} seconds something of it still works on a machine"), "Look at the sources and targets of its machines; end this process where it does not end by itself");

    public static SealiftException HookFailed(string hook, string machine, string said, string log) => new(
        "SL7660", $"run hook {hook}", machine, said, $"Its output is in {log}; mend it and retry the machine");

    public static SealiftException HookSkipped(string hook, string machine, string needed) => new(
        "SL7661", $"run hook {hook}", machine, $"it comes after {needed}, which did not succeed", "Mend that one and retry the machine");

    public static SealiftException NoPodman(string hook) => new(
        "SL7662", $"run hook {hook}", "podman", "it is not installed, and the hook is a container image", "Install podman, or make the hook a program");

    public static SealiftException HookCycle(IEnumerable<string> names) => new(
        "SL7663", "order hooks", string.Join(" -> ", names), "each comes after the other", "Remove one of their `after`");

    public static SealiftException HookMissing(string hook) => new(
        "SL7664", "find a hook", hook, "the run has no document of it", "Apply the hook, and run the plan again");

    public static SealiftException KeyWithoutFile(string selector) => new(
        "SL7665", "open an encrypted volume", selector, "its key is to be asked for, and a plan runs with nobody there", "Name the file of the key");

    public static SealiftException KeyForOthers(string path, string said) => new(
        "SL7666", "read the key of an encrypted volume", path, said, "Let it belong to root or to the user that carries plans out, and `chmod 600` it");

    public static SealiftException NoSuchRun(string run) => new(
        "SL7670", "find a run", run, "there is none", "See `sealift plan status`");

    public static SealiftException NoSuchMachine(string run, string machine) => new(
        "SL7671", "find a machine", $"{machine} in run {run}", "the plan has none of this name", "See `sealift plan status` for the names");

    public static SealiftException NotNow(RunOrderKind kind, string subject, string said) => new(
        "SL7672", $"{kind.ToString().ToLowerInvariant()} a run", subject, said, "See `sealift plan status`");

    public static SealiftException NoSuchPlan(string plan) => new(
        "SL7673", "find a plan", plan, "there is none", "See `sealift plan get`, or apply it with `sealift plan apply`");

    public static SealiftException LeaseLost(string run, string owner, SealiftException? last) => new(
        "SL7674", "go on with a run", run, $"{owner} could not renew its right to carry it out in time, so that somebody else may do it now{(last is null ? string.Empty : $"; the last that was heard of the database: {last.Message}")}", "Nothing is lost: whoever has it now goes on with it; look at the connection to the database", last);

    public static SealiftException NotArchivable(PlanRun run) => new(
        "SL7676", "archive a plan", run.Plan, $"its run {run.Id} is not finished", "Wait for it, or cancel it");

    public static SealiftException CannotRun(string plan, IEnumerable<string> problems) => new(
        "SL7677", "run a plan", plan, string.Join("; ", problems), "See `sealift plan validate`");

    public static SealiftException Unexpected(string machine, Exception inner) => new(
        "SL7699", "carry out a machine", machine, $"{inner.GetType().Name}: {inner.Message}", "This is a defect of Sealift: report it with the server's log; the other machines go on", inner);
}
