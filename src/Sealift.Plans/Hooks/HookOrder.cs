using Sealift.Plans.Documents;
using Sealift.Posix;

namespace Sealift.Plans.Hooks;

/// <summary>Which hooks a machine has at a step, and in which order they run.</summary>
public static class HookOrder
{
    /// <summary>The hooks of the plan, then those of the machine, each once; each after those whose success it needs, otherwise in the order in which they are named.</summary>
    /// <param name="documents">The documents of a run.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="step">When they run.</param>
    /// <exception cref="SealiftException">SL7663: they need each other; SL7664: there is no such hook.</exception>
    public static IReadOnlyList<HookDocument> Of(IReadOnlyList<Document> documents, PlannedMachine machine, HookStep step)
    {
        ArgumentNullException.ThrowIfNull(machine);
        var plan = documents.OfType<PlanDocument>().First().Spec;
        var names = plan.Hooks.Concat(machine.Hooks).Where(u => u.Step == step).Select(u => u.Hook.Name).Distinct().ToList();
        var hooks = names.ToDictionary(n => n, n => documents.OfType<HookDocument>().FirstOrDefault(h => h.Metadata.Name == n) ?? throw PlanErrors.HookMissing(n));
        var ordered = new List<HookDocument>();
        var (done, onTheWay) = (new HashSet<string>(), new List<string>());
        foreach (var name in names) Visit(name);
        return ordered;

        void Visit(string name)
        {
            if (done.Contains(name)) return;
            if (onTheWay.Contains(name)) throw PlanErrors.HookCycle(onTheWay.SkipWhile(n => n != name).Append(name));
            onTheWay.Add(name);
            // One that this machine does not have at this step is not waited for.
            foreach (var needed in hooks[name].Spec.After.Where(a => hooks.ContainsKey(a.Name))) Visit(needed.Name);
            onTheWay.RemoveAt(onTheWay.Count - 1);
            done.Add(name);
            ordered.Add(hooks[name]);
        }
    }
}
