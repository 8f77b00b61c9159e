using System.Globalization;
using Sealift.VSphere;

namespace Sealift.Providers;

/// <summary>The rules of clusters that bind machines to hosts or to one another (DRS), in words, by machine.</summary>
internal sealed class AffinityRules
{
    private readonly Dictionary<ManagedReference, List<string>> rules = [];
    private readonly List<string> untold = [];

    private AffinityRules()
    {
    }

    /// <summary>What could not be read.</summary>
    public IReadOnlyList<string> Untold => untold;

    /// <summary>Reads the rules of every cluster: there are far fewer of those than machines. A host by itself has none.</summary>
    public static async Task<AffinityRules> ReadAsync(VSphereClient client, CancellationToken cancel)
    {
        const string Property = "configurationEx";
        var all = new AffinityRules();
        var query = new PropertyQuery("ClusterComputeResource", [Property]) { Container = client.Service.RootFolder };
        await foreach (var cluster in client.RetrieveAsync(query, cancel))
        {
            if (cluster.Missing.ContainsKey(Property)) all.untold.Add($"the rules of cluster {cluster.Reference.Value}");
            else if (cluster[Property] is { } configuration) all.Understand(client.Peer, cluster.Reference, configuration);
        }

        return all;
    }

    /// <summary>The rules that bind a machine.</summary>
    public IReadOnlyList<string> Of(ManagedReference machine) => rules.TryGetValue(machine, out var bound) ? bound : [];

    /// <summary>Reads a <c>ClusterConfigInfoEx</c>.</summary>
    internal static AffinityRules Of(VimElement configuration)
    {
        var all = new AffinityRules();
        all.Add(configuration);
        return all;
    }

    private void Understand(string peer, ManagedReference cluster, VimElement configuration)
    {
        try
        {
            Add(configuration);
        }
        catch (InvalidDataException e)
        {
            throw InventoryErrors.NotUnderstood($"{peer}, {cluster}", "the rules of a cluster", e.Message, e);
        }
    }

    private void Add(VimElement configuration)
    {
        var groups = configuration.All("group").Where(g => g.Type == "ClusterVmGroup").GroupBy(g => g.TextOf("name") ?? string.Empty).ToDictionary(g => g.Key, g => MachinesOf(g.First()));
        foreach (var rule in configuration.All("rule").Where(r => r.FlagOf("enabled") is not false))
        {
            var name = rule.TextOf("name") ?? string.Empty;
            switch (rule.Type)
            {
                case "ClusterAffinityRuleSpec":
                    Bind(MachinesOf(rule), n => $"'{name}' keeps it together with {Others(n)}");
                    break;
                case "ClusterAntiAffinityRuleSpec":
                    Bind(MachinesOf(rule), n => $"'{name}' keeps it apart from {Others(n)}");
                    break;
                case "ClusterVmHostRuleInfo":
                    var hosts = rule.TextOf("affineHostGroupName") is { Length: > 0 } on ? $"binds it to the hosts '{on}'" : $"keeps it off the hosts '{rule.TextOf("antiAffineHostGroupName")}'";
                    Bind(Group(rule.TextOf("vmGroupName")), _ => $"'{name}' {hosts}");
                    break;
                case "ClusterDependencyRuleInfo":
                    Bind(Group(rule.TextOf("vmGroup")), _ => $"'{name}' lets it start after '{rule.TextOf("dependsOnVmGroup")}'");
                    break;
                default:
                    Bind([.. MachinesOf(rule), .. Group(rule.TextOf("vmGroupName"))], _ => $"'{name}' ({rule.Type ?? "of no kind"})");
                    break;
            }
        }

        IReadOnlyList<ManagedReference> Group(string? group) => group is not null && groups.TryGetValue(group, out var members) ? members : [];
    }

    private static List<ManagedReference> MachinesOf(VimElement element) => [.. element.All("vm").Select(v => v.AsReference())];

    private static string Others(int all) => all == 2 ? "another machine" : string.Create(CultureInfo.InvariantCulture, $"{all - 1} other machines");

    private void Bind(IReadOnlyList<ManagedReference> machines, Func<int, string> text)
    {
        foreach (var machine in machines)
        {
            if (!rules.TryGetValue(machine, out var bound)) rules[machine] = bound = [];
            bound.Add(text(machines.Count));
        }
    }
}
