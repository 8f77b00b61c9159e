using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Sealift.Plans;
using Sealift.Plans.Runs;
using Sealift.Server.Api;

namespace Sealift.Server.Metrics;

/// <summary>
/// <c>/metrics</c>: the text format of Prometheus, version 0.0.4. What migrations came to is read from journal and signed reports when it
/// is asked for; of requests the framework's own instruments are listened to.
/// </summary>
internal sealed class MetricsText(IPlanService plans, IMeterFactory meters, MigrationFigures figures, EventStreams streams) : IHostedService, IDisposable
{
    private const int MostSeries = 2000;

    private static readonly double[] Bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

    private readonly ConcurrentDictionary<(string Method, string Route, string Status), Durations> requests = new();
    private readonly MeterListener listener = new();

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument is { Meter.Name: "Microsoft.AspNetCore.Hosting", Name: "http.server.request.duration" } && ReferenceEquals(instrument.Meter.Scope, meters)) l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, tags, _) => Count(seconds, tags));
        listener.Start();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public void Dispose() => listener.Dispose();

    /// <summary>All figures as they stand.</summary>
    public async Task<string> WriteAsync(CancellationToken cancel)
    {
        var text = new StringBuilder();
        var (byVerdict, sum, unreadable) = figures.Read();
        Head("sealift_migrations", "gauge", "Migrations that the journal of this server knows, by verdict.");
        foreach (var (verdict, count) in byVerdict) Line("sealift_migrations", count, ("verdict", verdict));
        One("sealift_findings", "Findings of checks in the signed reports of these migrations.", sum.Findings);
        One("sealift_findings_waived", "Those of them that a plan waived.", sum.Waived);
        One("sealift_mismatches", "Blocks of targets that read back as something else than was read from the source.", sum.Mismatches);
        One("sealift_mismatches_repaired", "Those of them that were written anew and then read back right.", sum.Repaired);
        One("sealift_copied_bytes", "Bytes of data that were copied to targets, by the signed reports.", sum.CopiedBytes);
        One("sealift_read_back_bytes", "Bytes that were read back from targets past the cache, by the signed reports.", sum.ReadBackBytes);
        One("sealift_reports_unreadable", "Signed reports that are there and cannot be read.", unreadable);
        var runs = await plans.Store.RunsAsync(null, unfinishedOnly: true, 1000, cancel);
        Head("sealift_runs", "gauge", "Runs that are not over, by state.");
        foreach (var state in Enum.GetValues<PlanRunState>().Where(s => s != PlanRunState.Finished)) Line("sealift_runs", runs.Count(r => r.State == state), ("state", state.ToString().ToLowerInvariant()));
        var states = new int[Enum.GetValues<MachineRunState>().Length];
        foreach (var run in runs)
        {
            foreach (var (state, count) in await plans.Store.CountAsync(run.Id, cancel)) states[(int)state] += count;
        }

        Head("sealift_run_machines", "gauge", "Machines of these runs, by state; stuck are those that have shown no progress for longer than their plan allows.");
        foreach (var state in Enum.GetValues<MachineRunState>()) Line("sealift_run_machines", states[(int)state], ("state", state.ToString().ToLowerInvariant()));

        One("sealift_event_streams", "Streams of events that are open.", streams.Open);
        Head("http_server_request_duration_seconds", "histogram", "How long requests took.");
        foreach (var ((method, route, status), durations) in requests) durations.Write(text, method, route, status);
        return text.ToString();

        void Head(string name, string kind, string help) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {kind}\n");

        void One(string name, string help, long value)
        {
            Head(name, "gauge", help);
            Line(name, value);
        }

        void Line(string name, long value, params (string Name, string Value)[] labels)
        {
            text.Append(name);
            if (labels.Length > 0) text.Append('{').AppendJoin(',', labels.Select(l => $"{l.Name}=\"{l.Value}\"")).Append('}');
            text.Append(CultureInfo.InvariantCulture, $" {value}\n");
        }
    }

    private void Count(double seconds, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var (method, route, status) = ("", "none", "0");
        foreach (var (name, value) in tags)
        {
            if (name == "http.request.method") method = value as string ?? string.Empty;
            else if (name == "http.route") route = value as string ?? "none";
            else if (name == "http.response.status_code") status = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "0";
        }

        // Routes are ours and few; the limit is for what nobody has thought of.
        var key = (method, route, status);
        if (requests.Count < MostSeries || requests.ContainsKey(key)) requests.GetOrAdd(key, _ => new Durations()).Add(seconds);
    }

    private sealed class Durations
    {
        private readonly long[] counts = new long[Bounds.Length + 1];
        private readonly Lock gate = new();
        private double sum;

        public void Add(double seconds)
        {
            lock (gate)
            {
                counts[Bounds.TakeWhile(b => seconds > b).Count()]++;
                sum += seconds;
            }
        }

        public void Write(StringBuilder text, string method, string route, string status)
        {
            var labels = $"method=\"{Escaped(method)}\",route=\"{Escaped(route)}\",status=\"{status}\"";
            lock (gate)
            {
                long total = 0;
                for (var i = 0; i < counts.Length; i++)
                {
                    total += counts[i];
                    text.Append(CultureInfo.InvariantCulture, $"http_server_request_duration_seconds_bucket{{{labels},le=\"{(i < Bounds.Length ? Bounds[i].ToString(CultureInfo.InvariantCulture) : "+Inf")}\"}} {total}\n");
                }

                text.Append(CultureInfo.InvariantCulture, $"http_server_request_duration_seconds_sum{{{labels}}} {sum}\nhttp_server_request_duration_seconds_count{{{labels}}} {total}\n");
            }
        }

        private static string Escaped(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
    }
}
