using System.Globalization;
using Sealift.Plans.Documents;

namespace Sealift.Plans.Validation;

/// <summary>What can be wrong with a plan that has the form of one; SL763x and SL764x. All are obstacles unless they say otherwise.</summary>
internal static class PlanProblems
{
    /// <summary>Of a document that is missing: it may be stored later.</summary>
    public const string MissingCode = "SL7630";

    public static PlanProblem Missing(string field, string kind, string name) =>
        new(MissingCode, field, $"there is no {kind} named {name}", $"Apply one, or name another; `sealift plan get {kind}` lists them", true);

    public static PlanProblem MachineTwice(string field, string what, int first) =>
        new("SL7631", field, $"{what} is there already, as {PlanFields.Machine(first)}", "Leave out one of the two", true);

    public static PlanProblem TargetNameTwice(string field, string name, int first) =>
        new("SL7632", field, $"the machine would be called {name} at the target, as {PlanFields.Machine(first)} would", "Give one of them another targetName, or use a template that tells them apart", true);

    public static PlanProblem BadTemplate(string field, string said) =>
        new("SL7633", field, said, "A template is made of text, {{.VmName}} and {{.PlanName}}", true);

    public static PlanProblem BadTargetName(string field, string name, string said) =>
        new("SL7633", field, $"the machine would be called \"{name}\" at the target: {said}", "Give it a targetName of letters, digits, dots, dashes and underscores, at most 64", true);

    public static PlanProblem HookCycle(string field, IEnumerable<string> names) =>
        new("SL7634", field, $"hooks need each other: {string.Join(" after ", names)}", "Remove one of these from its `after`", true);

    public static PlanProblem WrongProvider(string field, string said, string nextStep) =>
        new("SL7635", field, said, nextStep, true);

    public static PlanProblem NotWarm(string field, string said, string nextStep) =>
        new("SL7636", field, said, nextStep, true);

    public static PlanProblem BadWindow(string field, string said) =>
        new("SL7637", field, said, "Give a window whose end is after its start, and not over yet", true);

    public static PlanProblem Window(string field, string said) =>
        new("SL7637", field, said, "Leave it out, or move it", false);

    public static PlanProblem Limits(string field, string said, string nextStep) =>
        new("SL7638", field, said, nextStep, true);

    public static PlanProblem BadCutover(string field, string said) =>
        new("SL7639", field, said, "Move the cutover into a maintenance window, or a window around it", true);

    public static PlanProblem StorageMap(string field, string said, string nextStep) =>
        new("SL7640", field, said, nextStep, true);

    public static PlanProblem NetworkMap(string field, string said, string nextStep) =>
        new("SL7641", field, said, nextStep, true);

    public static PlanProblem Waivers(string field, string said, string nextStep) =>
        new("SL7642", field, said, nextStep, true);

    public static PlanProblem BadHook(string field, string said, string nextStep) =>
        new("SL7643", field, said, nextStep, true);

    public static PlanProblem BadMachineName(string field, string name, string said) =>
        new("SL7644", field, $"\"{name}\" {said}", "Name it as the source does", true);

    public static PlanProblem NotLookedAt(string field, string said) =>
        new("SL7645", field, said, "Try again; if it stays so, look at the source", true);

    public static PlanProblem Space(string directory, long needed, long free) =>
        new("SL7646", "spec.vms", string.Create(CultureInfo.InvariantCulture, $"together the machines need up to {needed} bytes in {directory}, and {free} are free"), "Free space there, or spread the machines over several places", false);

    public static PlanProblem Policy(string field, string said, string nextStep) =>
        new("SL7647", field, said, nextStep, true);

    public static PlanProblem Keys(string field, string said, string nextStep) =>
        new("SL7667", field, said, nextStep, true);

    /// <summary>A problem as an error, for a machine that is to be carried out all the same.</summary>
    public static Posix.SealiftException AsError(this PlanProblem problem, string plan, string machine) =>
        new(problem.Code, $"migrate {machine}", $"plan {plan}, {problem.Field}", problem.Said, problem.NextStep);
}
