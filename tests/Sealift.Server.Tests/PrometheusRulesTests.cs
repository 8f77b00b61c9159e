using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace Sealift.Server.Tests;

/// <summary>packaging/prometheus-rules.yaml asks for nothing that /metrics does not have, and docs/operations/metrics.md says what each alert is.</summary>
public sealed partial class PrometheusRulesTests
{
    // What PromQL itself has, as far as the rules use it.
    private static readonly HashSet<string> Language = new(["absent", "and", "by", "histogram_quantile", "le", "offset", "or", "rate", "sum", "unless", "without"], StringComparer.Ordinal);

    [Fact]
    public async Task Every_figure_and_label_that_a_rule_names_is_one_of_the_server()
    {
        await using var server = await TestServer.StartAsync();
        using var program = await server.ProgramAsync("read");
        (await program.GetAsync("/readyz", TestServer.Cancel)).Dispose();
        var figures = Figures(await program.GetStringAsync("/metrics", TestServer.Cancel));

        var rules = Rules();
        Assert.True(rules.Count > 5, $"{rules.Count} rules");
        foreach (var (alert, expression) in rules)
        {
            foreach (Match selector in Selector().Matches(expression))
            {
                var name = selector.Groups["name"].Value;
                if (Language.Contains(name) || Duration().IsMatch(name)) continue;
                if (name == "instance") continue; // Prometheus' own label of each server that it asks
                Assert.True(figures.TryGetValue(name, out var series), $"{alert}: the server has no {name}");
                foreach (Match label in Label().Matches(selector.Groups["labels"].Value))
                {
                    var (key, how, value) = (label.Groups["key"].Value, label.Groups["how"].Value, label.Groups["value"].Value);
                    var values = series!.Where(s => s.ContainsKey(key)).Select(s => s[key]).ToHashSet(StringComparer.Ordinal);
                    Assert.True(values.Count > 0, $"{alert}: {name} has no label {key}");
                    // What a request ended with, and where it went, is another matter on each day.
                    if (how == "=" && key is not "status") Assert.True(values.Contains(value), $"{alert}: {name} never has {key}=\"{value}\", but {string.Join(", ", values)}");
                }
            }
        }
    }

    [Fact]
    public void The_page_has_each_alert_with_its_severity_and_no_other()
    {
        var page = File.ReadAllLines(InRepository("docs/operations/metrics.md")).Where(l => l.StartsWith("| `Sealift", StringComparison.Ordinal)).Select(l => l.Split('|').Select(c => c.Trim()).ToArray()).ToList();
        var said = page.Select(c => $"{c[1].Trim('`')} {c[2]}").Order(StringComparer.Ordinal);
        var rules = Documents().Select(r => $"{Text(r, "alert")} {Text((YamlMappingNode)r["labels"], "severity")}").Order(StringComparer.Ordinal);
        Assert.Equal(rules, said);
    }

    [Fact]
    public void Every_rule_says_what_it_means_and_leads_to_a_page_that_is_there()
    {
        foreach (var rule in Documents())
        {
            var notes = (YamlMappingNode)rule["annotations"];
            Assert.NotEmpty(Text(notes, "summary"));
            Assert.NotEmpty(Text(notes, "description"));
            var (path, anchor) = Text(notes, "runbook").Split('#') is [var p, var a] ? (p, a) : (Text(notes, "runbook"), null);
            Assert.True(File.Exists(InRepository(path)), $"{Text(rule, "alert")}: {path}");
            var anchors = File.ReadAllLines(InRepository(path)).Where(l => l.StartsWith('#')).Select(l => NotInAnchor().Replace(l.TrimStart('#', ' ').ToLowerInvariant(), string.Empty).Replace(' ', '-'));
            if (anchor is not null) Assert.Contains(anchor, anchors);
        }
    }

    private static List<(string Alert, string Expression)> Rules() => [.. Documents().Select(r => (Text(r, "alert"), Text(r, "expr")))];

    private static List<YamlMappingNode> Documents()
    {
        var yaml = new YamlStream();
        using (var text = new StringReader(File.ReadAllText(InRepository("packaging/prometheus-rules.yaml")))) yaml.Load(text);
        var groups = (YamlSequenceNode)yaml.Documents[0].RootNode["groups"];
        return [.. groups.SelectMany(g => ((YamlSequenceNode)g["rules"]).Cast<YamlMappingNode>())];
    }

    private static string Text(YamlMappingNode node, string key) => ((YamlScalarNode)node[key]).Value ?? string.Empty;

    // Every name of the text with the labels of each of its series.
    private static Dictionary<string, List<Dictionary<string, string>>> Figures(string text)
    {
        var all = new Dictionary<string, List<Dictionary<string, string>>>(StringComparer.Ordinal);
        foreach (var line in text.Split('\n').Where(l => l.Length > 0 && l[0] != '#'))
        {
            var match = Selector().Match(line);
            if (!all.TryGetValue(match.Groups["name"].Value, out var series)) all[match.Groups["name"].Value] = series = [];
            series.Add(Label().Matches(match.Groups["labels"].Value).ToDictionary(l => l.Groups["key"].Value, l => l.Groups["value"].Value, StringComparer.Ordinal));
        }

        return all;
    }

    private static string InRepository(string path)
    {
        var at = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(at, "Sealift.slnx"))) at = Path.GetDirectoryName(at) ?? throw new InvalidOperationException("Not below the repository");
        return Path.Combine(at, path);
    }

    [GeneratedRegex("(?<name>[a-z][a-z_0-9]*)(?:\\{(?<labels>[^}]*)\\})?")]
    private static partial Regex Selector();

    [GeneratedRegex("(?<key>[a-z_]+)(?<how>=~|!~|!=|=)\"(?<value>[^\"]*)\"")]
    private static partial Regex Label();

    [GeneratedRegex("^[smhd]$")]
    private static partial Regex Duration();

    [GeneratedRegex("[^a-z0-9 _-]")]
    private static partial Regex NotInAnchor();
}
