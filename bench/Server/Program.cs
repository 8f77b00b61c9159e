using System.Globalization;
using Sealift.Bench.Server;

// The server runs in a process of its own, so that its memory and its processor time are its own.
if (args is ["serve", var state, var machinesOfIt]) return await SimulatedServer.RunAsync(state, int.Parse(machinesOfIt, CultureInfo.InvariantCulture));

int sessions = 500, machines = 200, seconds = 60;
for (var i = 0; i < args.Length; i++)
{
    if (args[i] == "--quick") (sessions, machines, seconds) = (50, 50, 10);
    else if (args[i] is "--sessions" or "--machines" or "--seconds" && i + 1 < args.Length && int.TryParse(args[i + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 5000)
    {
        (sessions, machines, seconds) = args[i] switch { "--sessions" => (number, machines, seconds), "--machines" => (sessions, number, seconds), _ => (sessions, machines, number) };
        i++;
    }
    else
    {
        Console.Error.WriteLine("usage: bench/server [--sessions N] [--machines N] [--seconds N] [--quick]");
        return 2;
    }
}

await using var load = await Load.StartAsync(machines);
Console.Out.WriteLine(await load.MeasureAsync(sessions, machines, TimeSpan.FromSeconds(seconds)));
return 0;
