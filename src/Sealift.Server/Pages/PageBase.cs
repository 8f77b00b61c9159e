using Microsoft.AspNetCore.Components;
using Sealift.Migrations;
using Sealift.Plans;
using Sealift.Server.Accounts;

namespace Sealift.Server.Pages;

/// <summary>What all pages know: the request, and the one door to plans. A page only shows; what a form asks for is in <see cref="Forms"/>.</summary>
public abstract class PageBase : ComponentBase
{
    /// <summary>Rows of a page of a list.</summary>
    protected const int RowsPerPage = 50;

    /// <summary>The request.</summary>
    [CascadingParameter]
    protected HttpContext Http { get; set; } = null!;

    /// <summary>Plans, runs and migrations.</summary>
    [Inject]
    protected IPlanService Plans { get; set; } = null!;

    /// <summary>What time it is.</summary>
    [Inject]
    protected TimeProvider Time { get; set; } = null!;

    /// <summary>Ends when the browser goes away.</summary>
    protected CancellationToken Cancel => Http.RequestAborted;

    /// <summary>Now, in UTC.</summary>
    protected DateTimeOffset Now => Time.GetUtcNow();

    /// <summary>Whether whoever looks may do something.</summary>
    protected bool May(string scope) => Http.User.Has(scope);

    /// <summary>Draws the page once, when all that it shows is there. (A component would be drawn at its first wait already, for browsers that are told of more later.)</summary>
    public override async Task SetParametersAsync(ParameterView parameters)
    {
        parameters.SetParameterProperties(this);
        OnInitialized();
        await OnInitializedAsync();
        StateHasChanged();
    }

    /// <summary>Answers that there is no such thing.</summary>
    /// <exception cref="Posix.SealiftException">SL9030, always.</exception>
    protected static T Missing<T>(string kind, string name) => throw ServerErrors.NotFound(kind, name);

    /// <summary>The migration of an id, if this server has it.</summary>
    protected MigrationDetails? FindMigration(string id)
    {
        try
        {
            return Plans.Migrations.Show(id);
        }
        catch (Posix.SealiftException e) when (e.Code == "SL7003")
        {
            return null; // there is none: whoever asks says so, or knows of it from elsewhere
        }
    }
}
