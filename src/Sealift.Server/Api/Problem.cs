using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Mvc;
using Sealift.Posix;
using Sealift.Server.Security;

namespace Sealift.Server.Api;

/// <summary>An error as the API says it: RFC 9457, with what every error of Sealift carries.</summary>
internal sealed class Problem : ProblemDetails
{
    /// <summary>The media type.</summary>
    public const string ContentType = "application/problem+json";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = System.Text.Json.Serialization.JsonIgnoreCondition.WhenWritingNull };

    /// <summary>The stable code, docs/errors.md.</summary>
    public required string Code { get; init; }

    /// <summary>What was attempted.</summary>
    public required string Attempted { get; init; }

    /// <summary>On what.</summary>
    public required string Subject { get; init; }

    /// <summary>What was said.</summary>
    public required string Said { get; init; }

    /// <summary>What to do now.</summary>
    public required string NextStep { get; init; }

    /// <summary>An error as a problem.</summary>
    public static Problem Of(int status, SealiftException error) => new()
    {
        Status = status,
        Type = $"urn:sealift:error:{error.Code}",
        Title = $"cannot {error.Attempt}",
        Detail = $"{error.Subject}: {error.Said}",
        Code = error.Code,
        Attempted = error.Attempt,
        Subject = error.Subject,
        Said = error.Said,
        NextStep = error.NextStep,
    };

    /// <summary>Answers with an error.</summary>
    public static Task WriteAsync(HttpContext context, int status, SealiftException error)
    {
        context.Response.StatusCode = status;
        if (!ApiPath.Is(context.Request)) return WritePageAsync(context, error);
        return context.Response.WriteAsJsonAsync(Of(status, error), Json, ContentType, context.RequestAborted);
    }

    /// <summary>The status of an error that ended a request.</summary>
    public static int StatusOf(SealiftException error) => error.Code switch
    {
        "SL7003" or "SL7624" or "SL7628" or "SL7629" or "SL7670" or "SL7671" or "SL7673" or "SL9014" or "SL9018" or "SL9030" or "SL9101" or "SL9106" => StatusCodes.Status404NotFound,
        "SL7004" or "SL7623" or "SL7625" or "SL7626" or "SL7672" or "SL7676" or "SL9013" or "SL9015" or "SL9016" or "SL9102" or "SL9108" => StatusCodes.Status409Conflict,
        "SL9031" => StatusCodes.Status412PreconditionFailed,
        "SL9032" => StatusCodes.Status428PreconditionRequired,
        "SL9024" or "SL9025" => StatusCodes.Status403Forbidden,
        "SL9028" => StatusCodes.Status400BadRequest,
        "SL7601" => StatusCodes.Status413PayloadTooLarge,
        "SL9027" or "SL9034" => StatusCodes.Status429TooManyRequests,
        "SL7620" or "SL7621" or "SL7622" or "SL9033" or "SL9036" => StatusCodes.Status503ServiceUnavailable,
        _ when IsOurs(error.Code) => StatusCodes.Status500InternalServerError,
        _ => StatusCodes.Status422UnprocessableEntity,
    };

    /// <summary>Whether an error says something of this host, its disks and its databases, and nothing of what was asked: whoever keeps the server must come to know of it.</summary>
    private static bool IsOurs(string code) => code.StartsWith("SL1", StringComparison.Ordinal) || code is "SL7001" or "SL7002" or "SL7007" or "SL7620" or "SL7621" or "SL7622" or "SL7699";

    /// <summary>Turns what ends a request into an answer.</summary>
    public static void UseProblems(WebApplication application) => application.Use(async (context, next) =>
    {
        var log = context.RequestServices.GetRequiredService<ILogger<Problem>>();
        try
        {
            await next(context);
        }
        catch (SealiftException e) when (!context.Response.HasStarted)
        {
            if (IsOurs(e.Code)) LogOurs(log, context.TraceIdentifier, e.Code, ServeReport.Printable(e.Subject), ServeReport.Printable(e.Said), e.InnerException);
            await AnswerAsync(context, StatusOf(e), e);
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await AnswerAsync(context, e.StatusCode, ServerErrors.BadRequest(context.Request.Path, e.Message));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Whoever asked is not there any more: there is nobody to tell.
        }
        catch (OperationCanceledException) when (!context.Response.HasStarted && context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested)
        {
            await AnswerAsync(context, StatusCodes.Status503ServiceUnavailable, ServerErrors.Stopping(context.Request.Path));
        }
#pragma warning disable CA1031 // the last place: it is logged with a number by which it is found, and told without what only we should know
        catch (Exception e) when (!context.Response.HasStarted && e is not SealiftException and not BadHttpRequestException)
#pragma warning restore CA1031
        {
            LogUnexpected(log, context.TraceIdentifier, e.GetType().Name, e);
            await AnswerAsync(context, StatusCodes.Status500InternalServerError, ServerErrors.Unexpected(context.TraceIdentifier));
        }
    });

    private static Task AnswerAsync(HttpContext context, int status, SealiftException error)
    {
        var headers = context.Response.Headers.ToList();
        context.Response.Clear();
        foreach (var (name, value) in headers.Where(h => !h.Key.StartsWith("Content-", StringComparison.OrdinalIgnoreCase) || h.Key.Equals("Content-Security-Policy", StringComparison.OrdinalIgnoreCase)))
            context.Response.Headers[name] = value;
        return WriteAsync(context, status, error);
    }

    private static Task WritePageAsync(HttpContext context, SealiftException error)
    {
        context.Response.ContentType = "text/html; charset=utf-8";
        return context.Response.WriteAsync(
            $"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{Text(error.Code)} – Sealift</title><link rel="stylesheet" href="{EmbeddedAssets.Path("site.css")}"><link rel="icon" type="image/svg+xml" href="{EmbeddedAssets.Path("emblem.svg")}"></head>
            <body><header class="top"><a class="brand" href="/">Sealift</a></header><main><h1>Cannot {Text(error.Attempt)}</h1><p>{Text(error.Subject)}: {Text(error.Said)}.</p><p>{Text(error.NextStep)}.</p><p><small>{Text(error.Code)}</small></p><p><a href="/">To the overview</a></p></main></body></html>
            """,
            context.RequestAborted);

        static string Text(string text) => WebUtility.HtmlEncode(text);
    }

    private static readonly Action<ILogger, string, string, string, string, Exception?> LogOurs = LoggerMessage.Define<string, string, string, string>(LogLevel.Error, new EventId(2, "trouble"), "Request {Request}: {Code}: {Subject}: {Said}");

    private static readonly Action<ILogger, string, string, Exception?> LogUnexpected = LoggerMessage.Define<string, string>(LogLevel.Error, new EventId(1, "unexpected"), "Request {Request}: unexpected {Kind}");
}
