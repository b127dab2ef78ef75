"""What arrives with a request, brought to this machine within limits and made into files that inference reads."""
